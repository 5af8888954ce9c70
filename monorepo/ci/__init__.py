"""Workflows for continuous integration: from the lock to the text that a forge reads."""

from monorepo.ci.github import github_workflow
from monorepo.ci.gitlab import SYSTEM as GITLAB_SYSTEM
from monorepo.ci.gitlab import gitlab_pipeline
from monorepo.ci.jobs import Job, plan_jobs

__all__ = ["GITLAB_SYSTEM", "Job", "github_workflow", "gitlab_pipeline", "plan_jobs"]
