"""What a connector's tests inherit: `conformance.ConnectorConformance`, an environment, a reader of passes."""
