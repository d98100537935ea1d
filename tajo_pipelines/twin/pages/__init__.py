"""The twin's page for a person, ``GET /_twin``: what both stand-ins hold, tab by tab.

Each tab is a function from what a browser asks for to the values of a template of its name beside
this file; ``site`` knows them all. Pages are made on the server, hold nothing from elsewhere, and
renew themselves in place.
"""
