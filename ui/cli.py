"""The command line. Data goes to stdout, everything else to stderr; exit codes are listed in --help."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from search import Results

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

# Heavy modules are imported by the command that needs them, so that --help takes a blink.

_EPILOG = """\
queries:
  red running shoes            words
  shoe.jpg                     a picture
  2:handbag + bag.jpg - floral words and pictures, with weights and signs
  item:17 - leather            an item of the collection

exit codes:
  0 done (single files that failed are listed)   1 failed, with the reason   2 wrong usage
  3 no such collection   4 another process is writing   5 model unavailable   130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    from indexer.errors import FindmakeError  # the root would load the search engine

    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except FindmakeError as error:
        _say(f"findmake: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("findmake: stopped. What was finished is kept; the same command goes on from there.")
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="findmake",
        description="Search pictures and texts by meaning.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_index, _add_search, _add_similar, _add_info, _add_models, _add_serve):
        add(commands)
    return parser


def _common() -> argparse.ArgumentParser:
    """Options of every command that opens a collection."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--collection", type=Path, metavar="DIR", help="the collection's folder")
    common.add_argument("--model", help="an encoder by name; see: findmake models")
    common.add_argument("--device", help="auto, cpu, cuda or mps")
    return common


def _hits() -> argparse.ArgumentParser:
    """Options of every command that prints hits."""
    hits = argparse.ArgumentParser(add_help=False)
    hits.add_argument("-k", type=int, default=10, help="how many hits (10)")
    hits.add_argument("--offset", type=int, default=0, help="skip that many hits")
    form = hits.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--paths-only", action="store_true", help="one path a line")
    return hits


def _add_index(commands: _Commands) -> None:
    index = commands.add_parser("index", parents=[_common()], help="index folders, tables and files")
    index.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="default: what was indexed before")
    index.add_argument("--prune", action="store_true", help="remove the items of a folder that is empty now")
    index.add_argument("--json", action="store_true", help="the report as JSON")
    index.set_defaults(run=_index)


def _add_search(commands: _Commands) -> None:
    help_text = "search by words, pictures, or both"
    search = commands.add_parser("search", parents=[_common(), _hits()], help=help_text)
    search.add_argument("query", nargs="*", metavar="QUERY", help="see the notes of: findmake --help")
    search.add_argument(
        "--queries", type=Path, metavar="FILE", help="one query a line, one JSON object a line"
    )
    search.set_defaults(run=_search)


def _add_similar(commands: _Commands) -> None:
    similar = commands.add_parser(
        "similar", parents=[_common(), _hits()], help="find what looks like an item"
    )
    similar.add_argument("item", metavar="ITEM", help="an id, or a picture's path")
    similar.set_defaults(run=_similar)


def _add_info(commands: _Commands) -> None:
    info = commands.add_parser("info", parents=[_common()], help="tell about the collection")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)


def _add_models(commands: _Commands) -> None:
    help_text = "list the encoders, and which work on this machine now"
    models = commands.add_parser("models", help=help_text)
    models.add_argument("--json", action="store_true", help="as JSON")
    models.set_defaults(run=_models)


def _add_serve(commands: _Commands) -> None:
    serve = commands.add_parser("serve", parents=[_common()], help="open the page in a browser")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine only)"
    )
    serve.add_argument("--port", type=int, default=8501, help="port to listen on (8501)")
    serve.add_argument("--no-browser", action="store_true", help="do not open a browser")
    serve.set_defaults(run=_serve)


def _settings(options: argparse.Namespace) -> Settings:
    return Settings.read(collection=options.collection, model=options.model, device=options.device)


def _index(options: argparse.Namespace) -> int:
    from . import formats, progress, services

    line = progress.ProgressLine()
    try:
        report = services.index(
            _settings(options), options.paths, prune=options.prune, say=_say, on_progress=line
        )
    finally:
        line.close()
    if options.json:
        print(json.dumps(formats.report_to_json(report), ensure_ascii=False))
    else:
        _say(formats.report_to_text(report))
    return 0


def _search(options: argparse.Namespace) -> int:
    from search import parse_query

    from . import services

    if options.queries is not None:
        return _search_many(options)
    query = parse_query(options.query, k=options.k, offset=options.offset)
    _print_results(services.open_searcher(_settings(options)).search(query), options)
    return 0


def _search_many(options: argparse.Namespace) -> int:
    """Answer one query a line; a line that cannot be answered gets an object with its error."""
    from indexer import FindmakeError
    from search import parse_query

    from . import formats, services

    try:
        lines = options.queries.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        _say(f"findmake: cannot read {options.queries}: {error}. Give a UTF-8 file with one query a line.")
        return 1
    searcher = services.open_searcher(_settings(options))
    failed = False
    for text in lines:
        try:
            query = parse_query([text], k=options.k, offset=options.offset)
            answer = formats.results_to_json(searcher.search(query))
        except FindmakeError as error:
            failed, answer = True, {"query": text, "error": str(error)}
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return 1 if failed else 0


def _similar(options: argparse.Namespace) -> int:
    from . import services

    settings = _settings(options)
    searcher = services.open_searcher(settings)
    results = services.similar(searcher, options.item, k=options.k, offset=options.offset)
    _print_results(results, options)
    return 0


def _print_results(results: Results, options: argparse.Namespace) -> None:
    from . import formats

    if options.json:
        print(json.dumps(formats.results_to_json(results), ensure_ascii=False))
    elif options.paths_only:
        for hit in results.hits:
            print(hit.item.path or hit.item.key)
    else:
        print(formats.results_to_table(results))


def _info(options: argparse.Namespace) -> int:
    from . import formats, services

    facts = services.info(services.open_collection(_settings(options)))
    print(json.dumps(facts, ensure_ascii=False) if options.json else formats.facts_to_text(facts))
    return 0


def _models(options: argparse.Namespace) -> int:
    from . import formats, services

    models = services.models()
    print(json.dumps(models, ensure_ascii=False) if options.json else formats.models_to_table(models))
    return 0


def _serve(options: argparse.Namespace) -> int:
    from . import serve

    return serve.run(_settings(options), host=options.host, port=options.port, browser=not options.no_browser)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
