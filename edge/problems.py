"""Problem documents (RFC 9457): the closed set of codes that a surface may answer with, and the exception that carries
a code.

A code never changes; its words may improve. Nothing here knows HTTP beyond the status number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem: its fixed code, HTTP status, name in Chinese and English, and the remedy."""

    code: str
    status: int
    zh: str
    en: str
    hint: str

    @property
    def type(self) -> str:
        """The address that explains this kind, relative to the server (`edge.explaining`)."""
        return f"/problems/{self.code}"


_known: dict[str, ProblemKind] = {}

PROBLEMS: Mapping[str, ProblemKind] = MappingProxyType(_known)
"""Every kind that this process knows, by code: those below and those that rooms registered at import."""

_RESERVED = frozenset({"type", "title", "status", "code", "detail", "hint", "instance", "message"})


def register_problem(kind: ProblemKind) -> ProblemKind:
    """Add a room's kind at import. The same kind twice is harmless; another kind under a known code is a ValueError."""
    if _known.setdefault(kind.code, kind) != kind:
        raise ValueError(f"the problem code {kind.code} is taken")
    return kind


class Problem(Exception):
    """A request that cannot be served, with a code of PROBLEMS. The frame turns it into a problem document.

    `detail` is shown to the caller: it must hold no secret, token or name. `retry_after` is in seconds. `extra` are
    further members of the document. An unknown code or a reserved member is a ValueError, a fault of this product.
    """

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        retry_after: int | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if code not in _known:
            raise ValueError(f"no problem has the code {code}")
        if extra and not _RESERVED.isdisjoint(extra):
            raise ValueError("extra members may not replace the document's own")
        super().__init__(code, detail)
        self.kind = _known[code]
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.extra: Mapping[str, object] = dict(extra or {})
        self.headers: Mapping[str, str] = dict(headers or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    def document(self, instance: str | None = None) -> dict[str, object]:
        """Return the members of the RFC 9457 document. `instance` names this occurrence."""
        kind = self.kind
        members: dict[str, object] = {
            "type": kind.type,
            "title": kind.en,
            "status": kind.status,
            "code": kind.code,
            "hint": kind.hint,
            "message": {"zh": kind.zh, "en": kind.en},
        }
        if self.detail is not None:
            members["detail"] = self.detail
        if instance is not None:
            members["instance"] = instance
        return {**members, **self.extra}


_BASE = (
    ProblemKind(
        "bad-json",
        400,
        "请求内容不是有效的 JSON，请修改后重发",
        "The body is not valid JSON",
        "Send one JSON value in UTF-8.",
    ),
    ProblemKind(
        "bad-request",
        400,
        "请求格式有误，请按接口说明修改",
        "The request is not well formed",
        "The detail says what is wrong. Correct the request by the description of the API.",
    ),
    ProblemKind(
        "unauthenticated",
        401,
        "尚未登录，请先登录",
        "Nobody has signed in",
        "Sign in, or send the credentials that this call needs.",
    ),
    ProblemKind(
        "bad-token",
        401,
        "登录凭证无效，请重新登录",
        "The credentials are not valid",
        "Sign in again, or enrol the device again.",
    ),
    ProblemKind(
        "bad-dpop-proof",
        401,
        "设备签名无效，请重新签名后再发",
        "The DPoP header does not prove this call",
        "Sign a new proof for this call. The detail says what is wrong. docs/integrators.md says how to make a proof.",
    ),
    ProblemKind(
        "bad-wallet-proof",
        401,
        "手机签名无效，请重新打开卡片再试",
        "The Wallet-Proof header does not prove this call",
        "Sign a new proof for this call. The detail says what is wrong. docs/integrators.md says how to make a proof.",
    ),
    ProblemKind(
        "clock-off",
        401,
        "设备时间不准，请校准后重试",
        "The device's clock is wrong",
        "Set the device's clock to the time in the Date header.",
    ),
    ProblemKind(
        "device-revoked",
        401,
        "设备已停用，请联系系统管理员重新登记",
        "The device is revoked",
        "Ask the operator of the system to enrol the device again.",
    ),
    ProblemKind(
        "not-permitted",
        403,
        "无权进行此操作，请联系系统管理员开通",
        "This is not permitted",
        "Ask the operator of the system for the right at this point.",
    ),
    ProblemKind(
        "not-found", 404, "未找到，请核对网址和编号", "Nothing was found", "Check the address and the identifier."
    ),
    ProblemKind(
        "method-not-allowed",
        405,
        "不支持此请求方法，请按接口说明修改",
        "The method is not allowed",
        "Use a method that the Allow header names.",
    ),
    ProblemKind(
        "too-slow",
        408,
        "发送过慢",
        "The request arrives too slowly",
        "Send it again, with the same operation, over a better connection.",
    ),
    ProblemKind(
        "operation-conflict",
        409,
        "操作编号已用于另一操作，请换用新编号",
        "The operation id belongs to another operation",
        "Send a new Idempotency-Key for each new operation.",
    ),
    ProblemKind("too-large", 413, "请求内容过大，请分次发送", "The body is too large", "Send less at a time."),
    ProblemKind(
        "unsupported-media-type",
        415,
        "不支持的内容类型，请用 JSON 格式发送",
        "The content type is not supported",
        "Send application/json in UTF-8.",
    ),
    ProblemKind(
        "malformed",
        422,
        "无法读取出示内容，请重新扫码",
        "The presentation cannot be read",
        "Scan again, or show the full form of the code.",
    ),
    ProblemKind(
        "card-unknown",
        422,
        "本机未见过此卡，请出示完整的二维码",
        "The card is not known here",
        "Show the full form of the code on the phone.",
    ),
    ProblemKind(
        "invalid-field",
        422,
        "填写有误，请更正标出的栏目",
        "A field is not valid",
        "Correct the fields that `fields` names.",
    ),
    ProblemKind(
        "too-many-requests",
        429,
        "请求过于频繁，请稍候再试",
        "Too many requests",
        "Wait for the seconds that Retry-After gives, then try again.",
    ),
    ProblemKind(
        "internal",
        500,
        "系统出错，请重试；仍不行请联系系统管理员",
        "The server had a fault",
        "Try again. If the fault comes again, report the `instance` to the operator of the system.",
    ),
    ProblemKind(
        "unavailable",
        503,
        "服务暂不可用，请稍后重试",
        "The service is not available",
        "Try again later, with the same Idempotency-Key.",
    ),
    ProblemKind(
        "clock-skew",
        503,
        "服务器时间不一致，请联系系统管理员",
        "The servers' clocks disagree",
        "Try again, and tell the operator of the system.",
    ),
)
for _kind in _BASE:
    register_problem(_kind)
