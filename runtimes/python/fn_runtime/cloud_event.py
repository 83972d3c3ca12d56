"""CloudEvents 0.1 over HTTP, as nuclio maps them to its events."""

import json
from datetime import datetime, timezone

from .event import TriggerInfo, WireEvent

VERSION_HEADER = "Ce-Cloudeventsversion"
CONTENT_TYPE = "application/cloudevents"


def event(line, raw_body):
    """A WireEvent, its attributes those of the CloudEvent that it may carry."""
    result = WireEvent(line, raw_body)
    headers = line.get("headers", ())
    if VERSION_HEADER in headers:
        binary(result)
    elif "Content-Type" in headers and result.content_type.startswith(CONTENT_TYPE):
        structured(result)
    return result


def binary(event):
    """The facts are headers, the body is the data."""
    header = event.get_header
    event.id = header("CE-EventID") or event.id
    event.type = header("CE-EventType") or ""
    event.type_version = header("CE-EventTypeVersion") or ""
    event.version = header(VERSION_HEADER)
    _timestamp(event, header("CE-EventTime"))
    event.trigger = TriggerInfo(header("CE-Source") or "", header("CE-Name") or "")


def structured(event):
    """The body is an object of facts and data; what it isn't is left as it is."""
    try:
        facts = json.loads(event.raw_body)
        if not isinstance(facts, dict):
            return
    except (ValueError, RecursionError):
        return
    source = facts.get("source", "")
    event.id = facts.get("eventID", event.id)
    event.type = facts.get("eventType", "")
    event.type_version = facts.get("eventTypeVersion", "")
    event.version = facts.get("cloudEventsVersion", "")
    _timestamp(event, facts.get("eventTime"))
    event.trigger = TriggerInfo(source, source)
    event.content_type = facts.get("contentType", "")
    event.headers = facts.get("extensions") or {}
    data = facts.get("data") or ""
    event.body = data.encode() if isinstance(data, str) else data


def _timestamp(event, text):
    """RFC 3339, to a datetime of UTC without a time zone, as event.timestamp is."""
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        event.timestamp = time.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, AttributeError, TypeError, OverflowError):
        pass
