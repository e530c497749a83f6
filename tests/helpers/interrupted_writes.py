"""Builds that end right after a certain write to the store: a statement outside of a transaction, or a transaction."""

import contextlib
import os
import signal
from collections.abc import Callable

from factory.store.store import Store


class Interrupted(BaseException):
    """The end of a build that a test interrupts; no handler of errors catches it."""


def raise_interrupted():
    """End the build in this process."""
    raise Interrupted


def kill():
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def after_write(number: int, end: Callable[[], None]):
    """Call `end` after the write of this number, counted from 1. Yields a list with one entry per write."""
    writes: list[None] = []
    in_transaction = False
    execute, transaction = Store.execute, Store.transaction

    def count():
        writes.append(None)
        if len(writes) == number:
            end()

    def execute_and_count(store, sql, parameters=None):
        execute(store, sql, parameters)
        if not in_transaction:
            count()

    @contextlib.contextmanager
    def transaction_and_count(store):
        nonlocal in_transaction
        in_transaction = True
        try:
            with transaction(store):
                yield
        finally:
            in_transaction = False
        count()

    Store.execute, Store.transaction = execute_and_count, transaction_and_count
    try:
        yield writes
    finally:
        Store.execute, Store.transaction = execute, transaction
