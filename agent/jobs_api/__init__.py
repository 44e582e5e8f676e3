"""What running code may ask of its agent (contract 5.6): say a status detail, and fetch inputs on demand.

One small HTTP server for each address at which commands reach this machine, with a token for each attempt. Tokens are
known while their command runs, and authorise these calls only.
"""

from agent.jobs_api.api import JobsApi
from agent.jobs_api.calls import Calls

__all__ = ["Calls", "JobsApi"]
