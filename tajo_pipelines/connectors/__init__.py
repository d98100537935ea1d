"""One folder a platform. Folders are found by their ``manifest.yaml`` (`sdk.registry`), never imported by name."""
