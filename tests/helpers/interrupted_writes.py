"""Moments right after a write to the store: after a statement outside of a transaction, or after a transaction."""

import contextlib
import itertools
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
    writes: list[int] = []

    def count(written: int) -> None:
        writes.append(written)
        if written == number:
            end()

    with after_each_write(count):
        yield writes


@contextlib.contextmanager
def after_each_write(call: Callable[[int], None]):
    """Call a function after each write with its number, counted from 1."""
    numbers = itertools.count(1)
    in_transaction = False
    execute, transaction = Store.execute, Store.transaction

    def count():
        call(next(numbers))

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
        yield
    finally:
        Store.execute, Store.transaction = execute, transaction
