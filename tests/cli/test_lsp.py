"""`pagelint lsp`: an editor's unsaved text is what is judged."""

import asyncio
import sys
from pathlib import Path

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.cli.running import BALANCED, LEAKING, write_tree


async def _diagnostics(file: Path, texts: list[str]) -> list[types.PublishDiagnosticsParams]:
    """Open a file with the first text, change it to the others, and return what the server says of each."""
    client = LanguageClient("test", "1")
    heard: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]  # pygls says nothing
    def published(params: types.PublishDiagnosticsParams) -> None:
        heard.put_nowait(params)

    await client.start_io(sys.executable, "-m", "analyzer.cli", "lsp", "--no-cache", "--jobs", "1")
    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    document = types.TextDocumentItem(file.as_uri(), "c", 1, texts[0])
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    said = [await asyncio.wait_for(heard.get(), 20)]
    for version, text in enumerate(texts[1:], 2):
        change = types.TextDocumentContentChangeWholeDocument(text)
        named = types.VersionedTextDocumentIdentifier(version, file.as_uri())
        client.text_document_did_change(types.DidChangeTextDocumentParams(named, [change]))
        said.append(await asyncio.wait_for(heard.get(), 20))
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]
    return said


def test_diagnostics_follow_the_text_in_the_editor(tmp_path: Path) -> None:
    file = write_tree(tmp_path, {"demo.c": BALANCED}) / "demo.c"
    first, second = asyncio.run(_diagnostics(file, [LEAKING, BALANCED]))

    assert [(d.code, d.range.start.line) for d in first.diagnostics] == [("page-lock-leak", 7)]
    assert first.diagnostics[0].related_information is not None
    assert not second.diagnostics
    assert file.read_text() == BALANCED
