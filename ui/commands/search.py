"""Ask a collection: search, similar."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import common, hit_options, say, settings, shaped, write, write_json

if TYPE_CHECKING:
    from search import Query, Results, Searcher

    from .options import Commands


def add_search(commands: Commands) -> None:
    """Add ``search``."""
    help_text = "search by words, pictures, or both"
    search = commands.add_parser("search", parents=[common(), hit_options()], help=help_text)
    search.add_argument("query", nargs="*", metavar="QUERY", help="see the notes of: findmake --help")
    search.add_argument(
        "--queries", type=Path, metavar="FILE", help="one query a line, one JSON object a line"
    )
    search.set_defaults(run=_search, small_products=True)


def add_similar(commands: Commands) -> None:
    """Add ``similar``."""
    similar = commands.add_parser(
        "similar", parents=[common(), hit_options()], help="find what looks like an item"
    )
    similar.add_argument("item", metavar="ITEM", help="an id, or a picture's path")
    similar.set_defaults(run=_similar, small_products=True)


def _search(options: argparse.Namespace) -> int:
    from search import parse_query
    from ui.services import operations

    if options.queries is not None:
        return _search_many(options)
    query = shaped(parse_query(options.query, k=options.k, offset=options.offset), options)
    _answer(operations.open_searcher(settings(options)), query, options)
    return 0


def _search_many(options: argparse.Namespace) -> int:
    """Answer one query a line; a line that cannot be answered gets an object with its error."""
    from indexer import FindmakeError
    from search import parse_query
    from ui.services import answer as asking
    from ui.services import operations

    try:
        lines = options.queries.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        say(f"findmake: cannot read {options.queries}: {error}. Give a UTF-8 file with one query a line.")
        return 1
    searcher = operations.open_searcher(settings(options))
    failed = False
    for text in lines:
        try:
            query = shaped(parse_query([text], k=options.k, offset=options.offset), options)
            answer = _as_json(searcher, asking.search(searcher, query, settings(options)), options)
        except FindmakeError as error:
            failed, answer = True, {"query": text, "error": str(error)}
        write_json(answer)
    return 1 if failed else 0


def _similar(options: argparse.Namespace) -> int:
    from ui.services import operations

    searcher = operations.open_searcher(settings(options))
    query = operations.query_like(searcher, options.item, k=options.k, offset=options.offset)
    _answer(searcher, shaped(query, options), options)
    return 0


def _answer(searcher: Searcher, query: Query, options: argparse.Namespace) -> None:
    """Search, and print what the options ask for."""
    from ui.services import answer as asking

    results = asking.search(searcher, query, settings(options))
    if options.json:
        write_json(_as_json(searcher, results, options))
    elif options.paths_only:
        for hit in results.hits:
            write(hit.item.path or hit.item.key)
    else:
        _print_table(searcher, results, options)


def _as_json(searcher: Searcher, results: Results, options: argparse.Namespace) -> dict[str, Any]:
    from ui.formats import answers
    from ui.services import operations

    answer = answers.results_to_json(results)
    if options.explain:
        answer = answers.contributions_to_json(answer, operations.explained(searcher, results))
    if options.facets:
        counted = operations.facets(searcher, results, options.facets.split(","))
        answer["facets"] = answers.facets_to_json(counted)
    return answer


def _print_table(searcher: Searcher, results: Results, options: argparse.Namespace) -> None:
    from ui.formats import answers
    from ui.services import operations

    if told := answers.judgement_to_text(results):
        say(told)
    write(answers.results_to_table(results))
    if options.explain:
        write(answers.contributions_to_text(results, operations.explained(searcher, results)))
    if options.facets:
        counted = operations.facets(searcher, results, options.facets.split(","))
        write(answers.facets_to_text(counted))
