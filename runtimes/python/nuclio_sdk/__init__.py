"""What functions written for nuclio import."""

from fn_runtime.context import Context, Platform, QualifiedOffset
from fn_runtime.event import Event, TriggerInfo
from fn_runtime.logger import Logger
from fn_runtime.response import ExceptionWithResponse, Response

__all__ = [
    "Context",
    "Event",
    "ExceptionWithResponse",
    "Logger",
    "Platform",
    "QualifiedOffset",
    "Response",
    "TriggerInfo",
]
