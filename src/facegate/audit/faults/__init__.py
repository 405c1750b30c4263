"""Faults at every stage of a request, and a look at what they leave; see docs/faults.md."""

from facegate.audit.faults.matrix import run
from facegate.audit.faults.report import CellResult, FaultReport
from facegate.audit.faults.table import FAULTS, SENSELESS, STAGES, cells

__all__ = ["FAULTS", "SENSELESS", "STAGES", "CellResult", "FaultReport", "cells", "run"]
