"""From a canonical customer and its raw payload to Brevo's attributes, by rules that are compiled once.

`spec` says what a rule is, `transforms` names what can be done to a value on the way, `expressions` reads the raw
payload, `values` fits values to Brevo's types, `column` compiles one rule, `engine` all of them, and applies them;
`explain` shows step by step what that made of one record.
"""
