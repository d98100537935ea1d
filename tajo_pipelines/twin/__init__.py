"""Local stand-ins of Brevo and of Shopify, served over real HTTP on the loopback interface.

The two halves answer like the vendors' services do, limits and odd answers included, keep their
state in one SQLite file and run in one process (``server.serve``). Each half lives in its own
sub-package and is found by the name in ``server.HALVES``.
"""
