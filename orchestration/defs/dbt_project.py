"""The dbt project, in a module of its own: its manifest is prepared once, not by each process."""

from dagster_dbt import DbtProject

from orchestration.lib.dbt import TARGET, ensure_manifest
from orchestration.lib.settings import ROOT

ensure_manifest()
dbt_project = DbtProject(project_dir=ROOT, target_path=TARGET, profiles_dir=ROOT / "profiles")
