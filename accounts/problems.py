"""The problems that only this room answers with. Each has the same words whatever the cause, which nobody needs to
know.
"""

from __future__ import annotations

from typing import Final

from edge.problems import ProblemKind, register_problem

WRONG_CREDENTIALS: Final = register_problem(
    ProblemKind(
        "wrong-credentials",
        401,
        "工号或密码不正确",
        "The name, password or PIN is not right",
        "Type all again. If this is refused again, ask the operator of the system.",
    )
)
CODE_REFUSED: Final = register_problem(
    ProblemKind(
        "code-refused",
        403,
        "登记码无效或已使用",
        "The enrolment code is not valid, or was used",
        "Type the code again, or ask for a new code. A code works once, within 24 hours.",
    )
)
OPERATOR_NEEDED: Final = register_problem(
    ProblemKind(
        "operator-needed",
        403,
        "须先由工作人员登录",
        "No operator is signed in at this device",
        "Sign in at this device, then try again.",
    )
)
FACTOR_NEEDED: Final = register_problem(
    ProblemKind(
        "second-step-needed",
        401,
        "还需再验证一次",
        "A second step is needed",
        "Send `code` too: the one-time code of the authenticator app, or a recovery code.",
    )
)
CONFIRM_AGAIN: Final = register_problem(
    ProblemKind(
        "confirm-again",
        403,
        "请再次验证身份后继续",
        "You must sign in again first",
        "Sign in again at /sign-in/again, or open a new session. A full sign-in is enough for ten minutes.",
    )
)
OPERATOR_SIGNED_OUT: Final = register_problem(
    ProblemKind(
        "operator-signed-out",
        401,
        "工作人员登录已失效",
        "The operator is not signed in at this device",
        "Sign in again at this device.",
    )
)
