"""Executes Amazon States Language in pure Python, as AWS Step Functions does.

It knows no AWS: who does the work (`Tasks`), what time it is (`Clock`) and who is told (`Observer`) are passed in.
"""

from workflows.interpreter.child_execution import ChildExecution
from workflows.interpreter.clock import (
    NothingLeftToHappen,
    RealClock,
    VirtualClock,
    VirtualLoop,
    run_virtually,
)
from workflows.interpreter.definition import load
from workflows.interpreter.errors import InterpreterError, InvalidDefinition, StatesError
from workflows.interpreter.execution import Interpreter
from workflows.interpreter.interfaces import (
    ChecksRequests,
    Clock,
    Execution,
    Json,
    Observer,
    Outcome,
    TaskCall,
    Tasks,
)
from workflows.interpreter.journal import Event, Journal
from workflows.interpreter.map_run import MapRun
from workflows.interpreter.progress import Progress

__all__ = [
    "ChecksRequests",
    "ChildExecution",
    "Clock",
    "Event",
    "Execution",
    "Interpreter",
    "InterpreterError",
    "InvalidDefinition",
    "Journal",
    "Json",
    "MapRun",
    "NothingLeftToHappen",
    "Observer",
    "Outcome",
    "Progress",
    "RealClock",
    "StatesError",
    "TaskCall",
    "Tasks",
    "VirtualClock",
    "VirtualLoop",
    "load",
    "run_virtually",
]
