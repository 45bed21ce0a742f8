from tests.prometheus.conftest import promtool

__all__ = ["promtool"]
