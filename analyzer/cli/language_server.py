"""The language server: findings of open C files as diagnostics, with the editor's text over the tree.

Analysis runs in one thread of its own, so that the editor never waits; of
several edits in quick succession the last one counts.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from analyzer import __version__
from analyzer.driver.editing import EditedTrees
from analyzer.driver.options import Options
from analyzer.findings import Finding, Severity
from analyzer.report.plain import character_column
from analyzer.source import AnalyzerError

PAUSE = 0.3
"""Seconds without an edit after which the text is analysed."""

LEVEL = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}


def serve(tree: Path | None, options: Options) -> None:
    """Serve on stdin and stdout until the editor says goodbye."""
    make_server(tree, options).start_io()


def make_server(tree: Path | None, options: Options) -> LanguageServer:
    """Return the server, not started yet."""
    server = LanguageServer("pagelint", __version__)
    work = _Work(server, EditedTrees(tree, options))

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        work.ask(params.text_document.uri, 0.0)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def edited(params: types.DidChangeTextDocumentParams) -> None:
        work.ask(params.text_document.uri, PAUSE)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        work.ask(params.text_document.uri, 0.0, work.trees.forget)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        work.publish(params.text_document.uri, ())

    @server.feature(types.SHUTDOWN)
    def shut_down(_: None) -> None:
        work.close()

    return server


class _Work:
    """What the thread has still to do: one document, one pending run."""

    def __init__(self, server: LanguageServer, trees: EditedTrees) -> None:
        self.server = server
        self.trees = trees
        self._thread = ThreadPoolExecutor(1, "pagelint")
        self._timers: dict[str, threading.Timer] = {}

    def ask(self, uri: str, delay: float, first: Callable[[], None] | None = None) -> None:
        """Analyse a document after a delay, in place of what was pending for it."""
        pending = self._timers.pop(uri, None)
        if pending is not None:
            pending.cancel()

        def run() -> None:
            if first is not None:
                first()
            self._analyse(uri)

        timer = threading.Timer(delay, lambda: self._thread.submit(run))
        timer.daemon = True
        self._timers[uri] = timer
        timer.start()

    def _analyse(self, uri: str) -> None:
        path = to_fs_path(uri)
        document = self.server.workspace.text_documents.get(uri)
        if path is None or document is None:
            return
        try:
            findings = self.trees.findings(Path(path), document.source.encode("utf-8", "surrogatepass"))
        except AnalyzerError as error:
            self.server.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"pagelint: {error}"))
            return
        self.publish(uri, findings)

    def publish(self, uri: str, findings: tuple[Finding, ...]) -> None:
        """Send the diagnostics of a document in place of those that it has."""
        diagnostics = [_diagnostic(finding, Path(self.trees.root_of(to_fs_path(uri) or ""))) for finding in findings]
        self.server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics))

    def close(self) -> None:
        """Let the thread end."""
        for timer in self._timers.values():
            timer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _diagnostic(finding: Finding, root: Path) -> types.Diagnostic:
    column = max(character_column(finding.line_text, finding.column) - 1, 0)
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(from_fs_path(str(root / step.file)) or "", _line_range(step.line, 0)), step.message
        )
        for step in finding.trace
    ]
    return types.Diagnostic(
        range=_line_range(finding.line, column, len(finding.line_text)),
        message=finding.message,
        severity=LEVEL[finding.severity],
        code=finding.rule,
        source="pagelint",
        related_information=related or None,
    )


def _line_range(line: int, column: int, end: int = 0) -> types.Range:
    return types.Range(types.Position(line - 1, column), types.Position(line - 1, max(end, column)))
