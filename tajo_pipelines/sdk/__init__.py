"""What a connector's author imports: the contract, and the parts that connectors are put together from."""
