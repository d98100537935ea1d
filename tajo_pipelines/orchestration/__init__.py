"""Assets, jobs, schedules and IO managers: with `tajo_pipelines.definitions`, the only importer of Dagster.

Modules that Dagster looks into (assets, checks, IO managers, resources, schedules) don't postpone the evaluation of
annotations: Dagster 1.13 reads config and resources out of the real types.
"""
