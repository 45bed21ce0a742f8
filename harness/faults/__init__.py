"""The faults of Aircall, of the network and of clocks that the exporter must survive."""
