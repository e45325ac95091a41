"""What can go wrong while making pictures, in sentences fit to show to a person.

FindmakeError                     exit code 1
`-- GenerationError
    |-- BadRequest                a request that no generator can serve, with the reason
    |-- GeneratorUnavailable      the weights are not here, or are not a generator's
    |-- GeneratorMismatch         the generator was trained for another encoder's embeddings
    |-- Blocked                   refused for safety, with the reason
    |-- GenerationCancelled       stopped by the person, with what was done
    |-- CredentialsUnavailable    the extra for content credentials is not installed
    |-- BadCredential             a certificate or key that cannot be used to sign
    |-- OutOfMemory               the machine cannot hold this model or this size
    `-- TooFewToTrain             the collection holds too little
"""

from __future__ import annotations

from indexer import FindmakeError


class GenerationError(FindmakeError):
    """A failure in the generation package."""


class BadRequest(GenerationError):
    """A request that cannot be served."""

    def __init__(self, what: str, expected: str) -> None:
        self.what = what
        self.expected = expected
        super().__init__(f"Cannot make a picture with {what}: expected {expected}.")


class GeneratorUnavailable(GenerationError):
    """A generator's weights are not here and cannot be fetched, or cannot be used."""

    exit_code = 5

    def __init__(self, model: str, reason: str, hint: str = "") -> None:
        self.model = model
        self.reason = reason
        hint = hint or "'--generator starter' works without any download."
        super().__init__(f"The generator {model!r} cannot be loaded: {reason}. {hint}")


class GeneratorMismatch(GenerationError):
    """The generator reads embeddings of another encoder."""

    def __init__(self, generator: str, encoder: str) -> None:
        self.generator = generator
        self.encoder = encoder
        super().__init__(
            f"The generator {generator!r} was trained on another encoder's embeddings, not on {encoder!r}'s. "
            "Train one for this collection with: findmake train-generator, or name a Stable Diffusion folder "
            "with --generator."
        )


class Blocked(GenerationError):
    """Refused for safety; nothing was kept."""

    exit_code = 6

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"Blocked {what}: {reason}. Nothing was kept; ask for something else.")


class GenerationCancelled(GenerationError):
    """The person stopped it; nothing of the unfinished picture was kept."""

    exit_code = 130

    def __init__(self, step: int, steps: int) -> None:
        self.step = step
        self.steps = steps
        super().__init__(f"Stopped at step {step} of {steps}; the unfinished picture was not kept.")


class OutOfMemory(GenerationError):
    """The machine's memory does not suffice."""

    def __init__(self, model: str, size: str) -> None:
        self.model = model
        self.size = size
        super().__init__(
            f"Not enough memory to make a {size} picture with {model!r}. Ask for a smaller --size or one "
            "picture at a time, or use '--generator starter'."
        )


class TooFewToTrain(GenerationError):
    """The collection holds too few pictures to learn from."""

    def __init__(self, found: int, needed: int) -> None:
        self.found = found
        self.needed = needed
        super().__init__(
            f"The collection has {found:,} pictures; training a generator needs at least {needed:,}. "
            "Index more pictures, or use '--generator starter'."
        )


class CredentialsUnavailable(GenerationError):
    """The packages that sign content credentials are not installed."""

    exit_code = 5

    def __init__(self) -> None:
        super().__init__(
            "Content credentials need packages that are not installed. Install them with: "
            "pip install 'findmake[credentials]', or go on without them."
        )


class BadCredential(GenerationError):
    """A certificate or key cannot be used to sign."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(
            f"Cannot sign with {where}: {reason}. Give a certificate for e-mail or document signing and its "
            "key, both in PEM form, or none to have one made."
        )
