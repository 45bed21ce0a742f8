"""The undocumented members of uvicorn that this project uses, and the version that is known to have them."""

import ast
import inspect
import tomllib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import h11
import pytest
import uvicorn
from packaging.requirements import Requirement
from uvicorn.lifespan.off import LifespanOff
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.simulator import loopback
from exporter.simulator.loopback import LoopbackServer
from exporter.web import connections, server
from exporter.web.connections import Connection, Server
from exporter.web.http_parser import Parser

MEMBERS = {
    H11Protocol: {
        "_unset_keepalive_if_required",
        "app_state",
        "client",
        "config",
        "conn",
        "connection_lost",
        "connection_made",
        "cycle",
        "data_received",
        "flow",
        "loop",
        "on_response_complete",
        "send_400_response",
        "transport",
    },
    RequestResponseCycle: {"disconnected", "more_body", "response_complete"},
    FlowControl: {"resume_reading"},
    uvicorn.Server: {
        "config",
        "lifespan",
        "main_loop",
        "run",
        "server_state",
        "servers",
        "should_exit",
        "shutdown",
        "started",
        "startup",
    },
    ServerState: {"connections", "tasks"},
    LifespanOff: {"state"},
    h11.Connection: {
        "next_event",
        "our_state",
        "receive_data",
        "send",
        "start_next_cycle",
        "their_state",
        "trailing_data",
    },
}
"""The members by class. Those of h11 are all documented, so h11 needs no pin."""


def members(kind: type) -> set[str]:
    """Return the members that a class has, with those that its methods assign."""
    source = ast.parse(inspect.getsource(kind))
    attributes = (node for node in ast.walk(source) if isinstance(node, ast.Attribute))
    assigned = {
        node.attr
        for node in attributes
        if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    return assigned | {name for name in dir(kind) if not name.startswith("__")}


def accessed(modules: Iterable[ModuleType], holder: str) -> set[str]:
    """Return the attributes of `holder`, such as ``self.cycle``, that modules use."""
    nodes = (node for module in modules for node in ast.walk(ast.parse(inspect.getsource(module))))
    attributes = (node for node in nodes if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if ast.unparse(node.value) == holder}


def used(kind: type, base: type) -> set[str]:
    """Return the members of `base` that its subclass `kind` uses or replaces."""
    source = ast.parse(inspect.getsource(kind))
    attributes = (node for node in ast.walk(source) if isinstance(node, ast.Attribute))
    own = {node.attr for node in attributes if ast.unparse(node.value) in ("self", "super()")}
    return (own | vars(kind).keys() - vars(object).keys()) & members(base)


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_class_has_the_members_that_are_used(kind: type) -> None:
    assert MEMBERS[kind] <= members(kind)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (Connection, H11Protocol),
        (Server, uvicorn.Server),
        (LoopbackServer, uvicorn.Server),
        (Parser, h11.Connection),
    ],
)
def test_subclass_uses_and_replaces_no_other_member(kind: type, base: type) -> None:
    """Otherwise a member of this project could replace one that the base class uses for something else."""
    assert used(kind, base) <= MEMBERS[base]


@pytest.mark.parametrize(
    ("holder", "kind"),
    [
        ("self.cycle", RequestResponseCycle),
        ("self.flow", FlowControl),
        ("self.server_state", ServerState),
        ("self.lifespan", LifespanOff),
        ("self._server", uvicorn.Server),
    ],
)
def test_parts_are_used_by_the_listed_members_only(holder: str, kind: type) -> None:
    names = accessed((connections, server, loopback), holder)
    assert names
    assert names <= MEMBERS[kind]


def test_signatures_are_those_that_are_called() -> None:
    arguments = ["self", "config", "server_state", "app_state", "_loop"]
    assert list(inspect.signature(H11Protocol.__init__).parameters) == arguments
    assert list(inspect.signature(H11Protocol.send_400_response).parameters) == ["self", "msg"]
    for method in (uvicorn.Server.startup, uvicorn.Server.shutdown, uvicorn.Server.run):
        assert list(inspect.signature(method).parameters) == ["self", "sockets"]


def test_uvicorn_is_pinned_below_the_next_minor_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    (pin,) = (
        requirement
        for requirement in map(Requirement, project["project"]["dependencies"])
        if requirement.name == "uvicorn"
    )
    major, minor, *_ = map(int, version("uvicorn").split("."))
    assert pin.specifier.contains(f"{major}.{minor}.999")
    assert not pin.specifier.contains(f"{major}.{minor + 1}.0")
