"""GraphQL over HTTP: documents, and errors by what the caller does next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError
from tajo_pipelines.sdk.auth import Auth
from tajo_pipelines.sdk.http import Answer, HttpClient
from tajo_pipelines.sdk.limits import Cost, CostThrottle
from tajo_pipelines.sdk.redaction import quoted

_PASSING = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})


class AccessDeniedError(AuthError):
    """A field is closed to these credentials.

    Args:
        message: One sentence.
        path: Names of the fields that lead there.
        where: Place.
        hint: Way out.
    """

    code = "missing_scope"

    def __init__(self, message: str, *, path: tuple[str, ...], where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.path = path


class CostExceededError(ContractError):
    """A single query costs more than the platform runs at all."""

    code = "max_cost_exceeded"


@dataclass(frozen=True, slots=True)
class Document:
    """A query as it is sent.

    Attributes:
        name: Its operation's name, for messages.
        text: The GraphQL.
    """

    name: str
    text: str

    @classmethod
    def load(cls, folder: Traversable, name: str) -> Document:
        """The document of a file ``<name>.graphql``."""
        return cls(name, (folder / f"{name}.graphql").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Result:
    """What a query brought.

    Attributes:
        data: The answer's ``data``, whole.
        cost: What it says of its cost.
    """

    data: Mapping[str, Any]
    cost: Cost | None


@dataclass(slots=True)
class GraphQLClient:
    """Calls to one endpoint. A query in doubt is repeated, a mutation isn't.

    Attributes:
        http: Client of the host.
        path: Of the endpoint.
        auth: Credentials.
        throttle: The platform's bucket.
        fatal: Error codes of the platform that a person must mend: code -> sentence.
    """

    http: HttpClient
    path: str
    auth: Auth
    throttle: CostThrottle
    fatal: Mapping[str, str] = field(default_factory=dict)

    def query(
        self, document: Document, variables: Mapping[str, Any], *, size: int = 1, patience: float | None = None
    ) -> Result:
        """Run a query until it has its answer.

        Args:
            document: What is asked.
            variables: For it.
            size: Of its page, so that costs are expected by size.
            patience: Seconds, where other than the HTTP client's.

        Raises:
            AuthError: The credentials are refused; AccessDeniedError where they lack a permission.
            ConfigError: The shop itself is closed.
            RetryableError: Throttled, torn, or failing at the platform until the patience ended.
            ContractError: Any other error; CostExceededError where the query is too dear. Data beside an error
                isn't used: half an object would look like a whole one.
        """
        return self.http.persist(lambda: self._once(document, variables, size), patience)

    def mutate(self, document: Document, variables: Mapping[str, Any]) -> Result:
        """Run a mutation, once: repeated only where the platform surely didn't run it, for want of points.

        Raises:
            RetryableError: With ``in_doubt`` where it may have taken effect.
            TajoError: As `query` does.
        """

        def attempt() -> Result | RetryableError:
            try:
                return self._once(document, variables, 1)
            except RetryableError as error:
                if error.code == "rate_limited":
                    raise
                return error

        outcome = self.http.persist(attempt)
        if isinstance(outcome, RetryableError):
            raise RetryableError(outcome.message, code=outcome.code, where=outcome.where, in_doubt=True) from outcome
        return outcome

    def _once(self, document: Document, variables: Mapping[str, Any], size: int) -> Result:
        self.throttle.before(document.name, size)
        payload = self._post({"query": document.text, "variables": dict(variables)}).json()
        if not isinstance(payload, dict):
            raise ContractError("the answer is no object", where=self._where(document))
        cost = Cost.read(payload)
        self.throttle.learn(document.name, cost, size)
        errors = payload.get("errors")
        if errors:
            self._refuse(errors, document)
        data = payload.get("data")
        if not isinstance(data, dict):
            raise ContractError("the answer holds neither data nor errors", where=self._where(document))
        return Result(data, cost)

    def _post(self, body: Mapping[str, Any]) -> Answer:
        headers = self.auth.headers()
        try:
            answer = self.http.post(self.path, headers=headers, json_body=body)
        except AuthError:
            if not self.auth.renew():
                raise
            answer = self.http.post(self.path, headers=self.auth.headers(), json_body=body)
        self.auth.accepted()
        return answer

    def _refuse(self, errors: Any, document: Document) -> NoReturn:
        where = self._where(document)
        found = [_Error.read(item) for item in (errors if isinstance(errors, list) else [errors])]
        by_code = {error.code: error for error in reversed(found)}
        said = quoted(found[0].message, self.auth.secrets())
        if "THROTTLED" in by_code:
            raise RetryableError(
                "the platform's points are used up",
                code="rate_limited",
                where=where,
                retry_after=self.throttle.refused(document.name),
            )
        if "MAX_COST_EXCEEDED" in by_code:
            raise CostExceededError(f"the query is too dear: {said}", where=where)
        if denied := by_code.get("ACCESS_DENIED"):
            field_name = ".".join(denied.path) or "a field"
            needs = f"; needed: {denied.needs}" if denied.needs else ""
            raise AccessDeniedError(
                f"the app may not read {field_name}{needs}: {quoted(denied.message, self.auth.secrets())}",
                path=denied.path,
                where=where,
                hint="give the app this access and install its new version in the shop",
            )
        for code, sentence in self.fatal.items():
            if code in by_code:
                raise ConfigError(f"{sentence}: {said}", code=code.lower(), where=where)
        if any(code in _PASSING for code in by_code):
            raise RetryableError(f"the platform failed: {said}", where=where)
        raise ContractError(f"the platform refuses the query: {said}", where=where)

    def _where(self, document: Document) -> str:
        return f"POST {self.path} {document.name}"


@dataclass(frozen=True, slots=True)
class _Error:
    message: str
    code: str
    path: tuple[str, ...]
    needs: str

    @classmethod
    def read(cls, item: Any) -> _Error:
        if not isinstance(item, dict):
            return cls(str(item), "", (), "")
        extensions = item.get("extensions")
        more = extensions if isinstance(extensions, dict) else {}
        path = item.get("path")
        steps = tuple(step for step in path if isinstance(step, str)) if isinstance(path, list) else ()
        return cls(
            str(item.get("message", "")), str(more.get("code", "")), steps, str(more.get("requiredAccess") or "")
        )
