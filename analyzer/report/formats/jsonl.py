"""One line of JSON per patch, for streams: the patch, its counts, and all of the `json` format."""

import json

from analyzer.findings import Result, Status
from analyzer.report.context import Context
from analyzer.report.formats.json import result_object
from analyzer.report.plain import encodable


def render(result: Result, context: Context) -> str:
    """Return one line; `patch` is null when no mail was judged."""
    mail = context.mail
    patch = None if mail is None else {"message_id": encodable(mail.message_id), "subject": encodable(mail.subject)}
    counts = {status.value: sum(f.status is status for f in result.findings) for status in Status}
    return json.dumps({"patch": patch, "counts": counts, **result_object(result, context)}) + "\n"
