"""What each setting means, in English and in Chinese side by side: the README, the operator's page, one source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Meaning(NamedTuple):
    """One setting's meaning in both languages of the pages."""

    en: str
    zh: str


MEANINGS: Final[Mapping[str, Meaning]] = {
    "YUNJU_SURFACES": Meaning(
        "The surfaces that this process serves, separated by commas.",
        "本进程提供的服务面，以逗号分隔。",
    ),
    "YUNJU_VAR": Meaning(
        "The folder for everything that is not placed by another setting.",
        "存放数据的目录；其他设置未另行指定的，都放在这里。",
    ),
    "YUNJU_LEDGER_URL": Meaning(
        "The ledger: `sqlite:///…`, `redis://…` or `rediss://…`.",
        "使用账本：`sqlite:///…`、`redis://…` 或 `rediss://…`。",
    ),
    "YUNJU_REGISTER_URL": Meaning(
        "The issuer's register: `sqlite:///…` or `postgresql://…`.",
        "发卡方的登记库：`sqlite:///…` 或 `postgresql://…`。",
    ),
    "YUNJU_ACCOUNTS_URL": Meaning(
        "People, devices, operators, integrators: `sqlite:///…` or `postgresql://…`.",
        "人员、设备、操作员和对接系统的账户库：`sqlite:///…` 或 `postgresql://…`。",
    ),
    "YUNJU_VERIFIER_URL": Meaning(
        "The verifier's erasable details: `sqlite:///…` or `postgresql://…`.",
        "核验方可删除的明细库：`sqlite:///…` 或 `postgresql://…`。",
    ),
    "YUNJU_PUBLISHED": Meaning(
        "The folder of signed documents that the issuer writes and the others read.",
        "发卡方写入、其他各方读取的签名文件目录。",
    ),
    "YUNJU_ATTACHMENTS": Meaning(
        "The folder of the papers that applicants send, each file sealed; back it up with the register.",
        "申领人提交材料的目录，每个文件均加密；请与登记库一并备份。",
    ),
    "YUNJU_MAIL_URL": Meaning(
        "The mail server for notices to applicants: `smtps://user@host`, `smtp+starttls://user@host`, or "
        "`smtp://127.0.0.1`.",
        "向申领人发送通知的邮件服务器：`smtps://user@host`、`smtp+starttls://user@host` 或 `smtp://127.0.0.1`。",
    ),
    "YUNJU_MAIL_FROM": Meaning(
        "The e-mail address that notices come from.",
        "通知邮件的发件地址。",
    ),
    "YUNJU_MAIL_PASSWORD_FILE": Meaning(
        "The file (mode 0600) of the password for the mail server.",
        "邮件服务器密码文件（权限 0600）。",
    ),
    "YUNJU_SMS_URL": Meaning(
        "The address of an SMS gateway that notices are posted to, see docs/operations.md.",
        "短信网关地址，通知以 POST 提交到此处，见 docs/operations.md。",
    ),
    "YUNJU_SMS_TOKEN_FILE": Meaning(
        "The file (mode 0600) of the bearer token for the gateway.",
        "短信网关令牌文件（权限 0600）。",
    ),
    "YUNJU_HOOK_NETWORKS": Meaning(
        "Networks (CIDR, separated by commas) of this house into which webhooks may be sent, by `http` too; "
        "without one, to public addresses over `https` alone.",
        "允许推送事件的本单位网段（CIDR，以逗号分隔），可用 `http`；不填则只向公网地址以 `https` 推送。",
    ),
    "YUNJU_DUE_MAIL": Meaning(
        "The daily mail of what is due: `department=address`, separated by commas; needs YUNJU_MAIL_URL.",
        "每日到期提醒邮件：`部门=邮箱`，以逗号分隔；须同时设置 YUNJU_MAIL_URL。",
    ),
    "YUNJU_DUE_MAIL_AT": Meaning(
        "From when on a working day it is sent, in the programme's zone.",
        "工作日从几点起发送到期提醒，按方案的时区。",
    ),
    "YUNJU_SSO_ISSUER": Meaning(
        "The address of an OpenID provider by which staff may sign in too; without one by passwords alone.",
        "工作人员单点登录的 OpenID 服务地址；不填则只能用密码登录。",
    ),
    "YUNJU_SSO_CLIENT": Meaning(
        "The client id that this server has there.",
        "本服务器在单点登录服务处的客户端编号。",
    ),
    "YUNJU_SSO_SECRET_FILE": Meaning(
        "The file (mode 0600) of the client secret.",
        "单点登录客户端密钥文件（权限 0600）。",
    ),
    "YUNJU_SSO_CLAIM": Meaning(
        "The claim that names people added without a password; unset, each is linked by command.",
        "以哪一项声明识别未设密码的人员；不填则逐人用命令关联。",
    ),
    "YUNJU_ISSUER_URL": Meaning(
        "An issuer on another machine, from which a verifier fetches those documents into its own folder.",
        "另一台机器上的发卡方地址，核验方从那里取签名文件，存入本机目录。",
    ),
    "YUNJU_PLAIN_HOSTS": Meaning(
        "Names (separated by commas) of issuers in this machine's closed network that may be asked over `http`.",
        "本机封闭网络内可用 `http` 访问的发卡方主机名，以逗号分隔。",
    ),
    "YUNJU_ISSUER_TOKEN_FILE": Meaning(
        "The file (mode 0600) of the token with which it asks, see docs/deployment.md.",
        "向发卡方取文件所用令牌的文件（权限 0600），见 docs/deployment.md。",
    ),
    "YUNJU_KEYS": Meaning(
        "The issuer's key folder; a counter server has none.",
        "发卡方的密钥目录；窗口服务器没有密钥目录。",
    ),
    "YUNJU_KEYS_PASSPHRASE_FILE": Meaning(
        "The file (mode 0600) of the keys' passphrase; unset: `passphrase` in YUNJU_KEYS itself.",
        "密钥口令文件（权限 0600）；不填则为 YUNJU_KEYS 内的 `passphrase`。",
    ),
    "YUNJU_KEYS_PASSPHRASE": Meaning(
        "The passphrase itself, 32 characters or more, instead of a file.",
        "密钥口令本身，至少 32 个字符，用来代替文件。",
    ),
    "YUNJU_PKCS11_MODULE": Meaning(
        "The library (`.so`) of a hardware module (PKCS#11) in which new keys are made; unset, in files.",
        "生成新密钥的硬件模块（PKCS#11）程序库（`.so`）；不填则密钥存为文件。",
    ),
    "YUNJU_PKCS11_TOKEN": Meaning(
        "The label of the module's token.",
        "硬件模块令牌的标签。",
    ),
    "YUNJU_PKCS11_PIN_FILE": Meaning(
        "The file (mode 0600) of the token's PIN.",
        "硬件模块令牌 PIN 的文件（权限 0600）。",
    ),
    "YUNJU_PROGRAMME": Meaning(
        "The programme file.",
        "方案文件。",
    ),
    "YUNJU_PROGRAMME_NEXT": Meaning(
        "The file of the programme's next version, which takes over by itself at YUNJU_PROGRAMME_FROM.",
        "方案下一版本的文件，到 YUNJU_PROGRAMME_FROM 时自动生效。",
    ),
    "YUNJU_PROGRAMME_FROM": Meaning(
        "The instant from which it holds, such as `2027-01-01T00:00:00+08:00`.",
        "下一版本生效的时刻，例如 `2027-01-01T00:00:00+08:00`。",
    ),
    "YUNJU_ROOT": Meaning(
        "The file of the root key (a public JWK) that bundles are held to.",
        "根密钥文件（公开的 JWK），信任包须由它签名。",
    ),
    "YUNJU_LOG": Meaning(
        "The folder of the usage log's tiles.",
        "使用日志的目录。",
    ),
    "YUNJU_LOG_CHECKPOINT": Meaning(
        "The file of the log's last checkpoint; on durable storage that no restored backup sets back.",
        "使用日志最近一个检查点的文件；应放在不会被备份恢复倒退的可靠存储上。",
    ),
    "YUNJU_LOG_ARCHIVE": Meaning(
        "A folder on slower storage that holds entries moved out of the log's tiles.",
        "较慢存储上的目录，存放从使用日志移出的记录。",
    ),
    "YUNJU_WITNESSES": Meaning(
        "The file of the log's witnesses: in each line a verifier key and an address.",
        "日志见证方的文件：每行一把验证密钥和一个地址。",
    ),
    "YUNJU_AUDIT_RULES": Meaning(
        "A file (TOML) of opening hours and of the thresholds from which auditors are shown an anomaly.",
        "开放时间和异常阈值的文件（TOML），达到阈值即提示审计人员。",
    ),
    "YUNJU_BASE_URL": Meaning(
        "The address that clients use, without a path; `https` except on this machine.",
        "客户端使用的地址，不含路径；除本机外须为 `https`。",
    ),
    "YUNJU_OFFICE_URL": Meaning(
        "The office's address, where a front serves issuer and verifiers at two (docs/deployment.md); unset, there "
        "is one.",
        "办公页面的地址，用于前端以两个地址分别服务发卡方和核验方（docs/deployment.md）；不填则只有一个地址。",
    ),
    "YUNJU_STATUS_TTL": Meaning(
        "Seconds after which a published status list is fetched again, 10 to 3600.",
        "状态列表发布后过多少秒重新读取，10 至 3600。",
    ),
    "YUNJU_SECRET_FILE": Meaning(
        "The file with the server's secret for keyed hashes, mode 0600; made when absent.",
        "服务器用于带密钥散列的密钥文件，权限 0600；没有时自动生成。",
    ),
    "YUNJU_SECRET": Meaning(
        "The secret itself, 32 characters or more, instead of the file.",
        "该密钥本身，至少 32 个字符，用来代替文件。",
    ),
    "YUNJU_METRICS_TOKEN": Meaning(
        "The bearer token for `/metrics`, 16 characters or more; without one only this machine may read them.",
        "读取 `/metrics` 的令牌，至少 16 个字符；不填则只有本机可以读取。",
    ),
    "YUNJU_TRUSTED_PROXIES": Meaning(
        "Networks (CIDR, separated by commas) whose X-Forwarded-For is believed.",
        "可信代理的网段（CIDR，以逗号分隔），只采信它们的 X-Forwarded-For。",
    ),
    "YUNJU_TRACES_URL": Meaning(
        "The address of a collector (OTLP over HTTP) for traces, see docs/operations.md; unset, nothing is traced.",
        "接收链路追踪的采集器地址（OTLP over HTTP），见 docs/operations.md；不填则不追踪。",
    ),
    "YUNJU_LOG_LEVEL": Meaning(
        "`debug`, `info`, `warning` or `error`.",
        "日志级别：`debug`、`info`、`warning` 或 `error`。",
    ),
    "YUNJU_ACCESS_LOG": Meaning(
        "`no` leaves out the one line a request, written at the levels `info` and `debug`.",
        "填 `no` 则不记录每个请求的那一行（`info` 和 `debug` 级别才有）。",
    ),
    "YUNJU_DANGEROUS_ALLOW_PLAIN_HTTP": Meaning(
        "`yes` lets YUNJU_BASE_URL be `http` on other machines: tokens and names can then be read on the way.",
        "填 `yes` 则允许 YUNJU_BASE_URL 在其他机器上使用 `http`：令牌和姓名在途中可被读取。",
    ),
    "YUNJU_DANGEROUS_ALLOW_REDIS_LOSS": Meaning(
        "`yes` accepts a Redis that syncs once a second: granted check-ins of that second can be lost.",
        "填 `yes` 则接受每秒同步一次的 Redis：该秒内已通过的核销可能丢失。",
    ),
}
