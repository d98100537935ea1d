"""Assets, jobs, schedules and IO managers: with `tajo_pipelines.definitions`, the only importer of Dagster."""
