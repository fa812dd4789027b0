"""OpenAPI of a service: what may be sent, and what comes back."""

from collections.abc import Mapping
from typing import Any

__all__ = ["openapi"]

Json = dict[str, Any]


def openapi(schema: Mapping[str, Any], version: str, guarded: bool) -> Json:
    """The description of a service in OpenAPI 3.1.

    Args:
        schema: `Service.schema`.
        version: Of onefit.
        guarded: Whether a token is asked for.
    """
    targets = schema["targets"]
    names = ", ".join(target["name"] for target in targets)
    answer = _answer(targets[0], schema)
    if len(targets) > 1:
        each = {target["name"]: _answer(target, schema) for target in targets}
        answer = _object(each)
    rows: Json = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    sent: Json = {"oneOf": [_object({"rows": rows}), rows, rows["items"]]}
    body = {"application/json": {"schema": sent}, "text/csv": {"schema": _a("string")}}
    answers = _object({"predictions": {"type": "array", "items": answer}})
    made: Json = {
        "openapi": "3.1.0",
        "info": {"title": f"onefit: {names}", "version": version},
        "paths": {
            "/predict": {"post": _call("predict rows", answers, body)},
            "/explain": {
                "post": _call(
                    "what each column of one row adds to its prediction",
                    {"type": "object"},
                    body,
                )
            },
            "/schema": {"get": _call("the columns and the targets", _a("object"))},
            "/health": {"get": _call("whether it answers", _a("object"))},
            "/metrics": {"get": {"summary": "counts and seconds", "responses": {
                "200": {"description": "as Prometheus reads it"}}}},
        },
        "components": {
            "schemas": {"Row": _row(schema), "Error": _object({"error": _a("string")})}
        },
    }  # fmt: skip
    if guarded:
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"}
        }
        made["security"] = [{"token": []}]
    return made


def _a(kind: str) -> Json:
    return {"type": kind}


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _call(summary: str, answer: Json, body: Json | None = None) -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    told: Json = {
        "summary": summary,
        "responses": {
            "200": {
                "description": summary,
                "content": {"application/json": {"schema": answer}},
            },
            "default": {"description": "why not, in a sentence", "content": error},
        },
    }
    if body is not None:
        told["requestBody"] = {"required": True, "content": body}
    return told


def _row(schema: Mapping[str, Any]) -> Json:
    return {
        "type": "object",
        "properties": {c["name"]: _cell(c) for c in schema["columns"]},
    }


def _cell(column: Mapping[str, Any]) -> Json:
    """What a cell may be; other words and numbers are answered with a warning."""
    if column["role"] == "number":
        told: Json = {"type": ["number", "string", "null"]}
        if column["lowest"] is not None:
            low, high = column["lowest"], column["highest"]
            told["description"] = f"{low:.6g} to {high:.6g} in training"
        return told
    if column["role"] == "date":
        return {
            "type": ["string", "null"],
            "description": f"a date, as {column['format']} or ISO 8601",
        }
    told = {"type": ["string", "number", "boolean", "null"]}
    if column["role"] != "text":
        told["examples"] = column["values"][:20]
    return told


def _answer(target: Mapping[str, Any], schema: Mapping[str, Any]) -> Json:
    warnings = {"type": "array", "items": _a("string")}
    if target["classes"] is None:
        ends = dict.fromkeys(("prediction", "lower", "upper"), _a("number"))
        return _object({**ends, "warnings": warnings})
    kinds: Json = {"enum": [*target["classes"], *([None] if schema["sure"] else [])]}
    shares = _object({str(label): _a("number") for label in target["classes"]})
    return _object({"prediction": kinds, "probabilities": shares, "warnings": warnings})
