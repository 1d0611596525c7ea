"""The offline core in a real browser: calls its modules from Python, under the page's own strict policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge.encoding import b64u
from edge.instants import to_epoch

# What the page's scripts are given to work with, once a page. Bytes travel as base64url; what a call throws that has a
# reason comes back as {"error": reason}.
SETUP = """async () => {
  const names = ["binding", "bundle", "claims", "documents", "inflate", "judge", "jwk", "periods"];
  names.push("record", "status", "strictjson", "tokens", "verify", "wire");
  const core = Object.assign({}, ...await Promise.all(names.map((name) => import(`/static/js/offline/${name}.js`))));
  const { b64u, unb64u } = await import("/static/js/encoding.js");
  const reasonOf = (error) => {
    if (error.reason) return { error: error.reason };
    if (error instanceof core.JsonError || error instanceof core.InflateError) return { error: error.constructor.name };
    throw error;
  };
  const tried = async (act) => {
    try {
      return await act();
    } catch (error) {
      return reasonOf(error);
    }
  };
  globalThis.core = { ...core, b64u, unb64u, tried };
}"""

DICTIONARIES = """(given) => new Map(given.map(([number, content, audience]) =>
  [number, { number, content: core.unb64u(content), audience }]))"""

# One device's documents: what its server serves, and what it keeps (as IndexedDB would: by structured clone). A page
# that is opened again has what was kept, and asks the same server.
OPEN = """({ name, root, programme }) => {
  const { held, served, seen } = core[name] ?? { held: new Map(), served: {}, seen: {} };
  const store = {
    get: async (key) => structuredClone(held.get(key)),
    put: async (key, value) => { held.set(key, structuredClone(value)); },
  };
  const fetchText = async (path) => {
    if (served.away) throw new TypeError("away");
    if (!(path in served)) {
      throw Object.assign(new TypeError("nothing there"), { missing: path.startsWith("/v1/binding-lists/") });
    }
    return served[path];
  };
  core[name] = { documents: new core.Documents({ store, fetchText, root, programme }), served, held, seen };
}"""

PLAIN = """(state) => ({
  ...state, dictionaries: [...state.dictionaries.keys()], programme: state.programme?.version ?? null,
  trust: state.trust && { version: state.trust.version, lists: [...state.trust.lists.keys()] },
})"""


def millis(at: datetime) -> int:
    """Return an instant as the modules take it."""
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


class Core:
    """A page whose scripts are the offline core. `run`: a function of JavaScript and its one argument."""

    def __init__(self, page) -> None:
        self._page = page
        self.run(SETUP)

    def run(self, script: str, given: object = None) -> object:
        """Call a JavaScript function with a JSON value; returns its JSON value."""
        return self._page.evaluate(script, given)

    def each(self, body: str, cases: list) -> list:
        """Evaluate `body` (of `given`) for every case in one call; a refusal comes as {"error": reason}."""
        script = f"(cases) => Promise.all(cases.map((given) => core.tried(async () => {{ {body} }})))"
        return self.run(script, cases)

    def reads(self, texts: list[str], dictionaries: dict) -> list:
        """Read presentations; each gives [card, proof] or {"error": "malformed"}."""
        known = [[one.number, b64u(one.content), one.audience] for one in dictionaries.values()]
        script = f"""async ([texts, known]) => {{
          const dictionaries = ({DICTIONARIES})(known);
          return Promise.all(texts.map((text) => core.tried(async () => {{
            const found = await core.read(text, dictionaries);
            return [found.card, found.proof];
          }})));
        }}"""
        return self.run(script, [texts, known])

    def device(self, name: str, root: str | None) -> Kept:
        """Open one device's documents, nothing kept yet, under a name of the page's."""
        self.run("(name) => { delete core[name]; }", name)
        self.run(OPEN, {"name": name, "root": root})
        return Kept(self, name)


class Kept:
    """One device: what it fetched, what it keeps, and what it judges by it."""

    def __init__(self, core: Core, name: str) -> None:
        self._core, self._name = core, name

    def _run(self, body: str, **given: object) -> object:
        script = f"async (given) => {{ const device = core[given.device]; {body} }}"
        return self._core.run(script, {**given, "device": self._name})

    def serves(self, **texts: str) -> None:
        """Say what the server answers from now on: `bundle`, `programme`, `time`, `list_0`, `bound_0`…; others stay."""
        paths = {"bundle": "/v1/trust-bundle", "programme": "/v1/programme", "time": "/v1/time"}
        told = {paths.get(key) or _listed(key): text for key, text in texts.items() if not key.startswith("bound_")}
        for key, text in texts.items():
            if key.startswith("bound_"):
                token, _, content = text.partition("~")
                told |= {_listed(key): token, f"{_listed(key)}/content": content}
        self._run("Object.assign(device.served, given.told)", told=told)

    def away(self, gone: bool = True) -> None:
        """Cut the network, or mend it."""
        self._run("device.served.away = given.gone", gone=gone)

    def refresh(self, at: datetime) -> dict:
        """Fetch everything."""
        return self._run("return device.documents.refresh(given.at)", at=millis(at))

    def keep_time(self, text: str, at: datetime) -> None:
        """Hand a signed time over."""
        self._run("return device.documents.keepTime(given.text, given.at)", text=text, at=millis(at))

    def state(self, at: datetime) -> dict:
        """What may be relied on."""
        return self._run(f"return ({PLAIN})(await device.documents.state(given.at))", at=millis(at))

    def restart(self, root: str | None, programme: dict | None = None) -> None:
        """Begin anew on what was kept; `programme` is what the page was told of it."""
        self._core.run(OPEN, {"name": self._name, "root": root, "programme": programme})

    def saw(self, card: str) -> None:
        """Know a card from before."""
        self._run("device.seen[await core.digest(given.card)] = given.card", card=card)

    def judge(self, at: datetime, **asked: object) -> dict:
        """Judge what is asked; `uses` and `figures` as the module takes them."""
        asked = {"uses": [], "point": "gym", "service": "gym-visit", **asked}
        body = """
          const documents = await device.documents.state(given.at);
          const seen = async (ath) => device.seen[ath] ?? null;
          const figures = async () => given.asked.figures ?? [];
          return core.judge({ ...given.asked, at: given.at, documents, seen, figures });
        """
        return self._run(body, asked=asked, at=millis(at))

    def judges(self, at: datetime, cases: list[dict]) -> list[dict]:
        """Judge many, each for itself."""
        body = """
          const documents = await device.documents.state(given.at);
          const judged = ({ ...asked }) => core.judge({ uses: [], ...asked, at: given.at, documents });
          return Promise.all(given.cases.map(judged));
        """
        return self._run(body, cases=cases, at=millis(at))

    def check(self, at: datetime, text: str) -> dict:
        """Check as anyone may."""
        body = """
          const documents = await device.documents.state(given.at);
          return core.check({ text: given.text, at: given.at, documents });
        """
        return self._run(body, text=text, at=millis(at))


def _listed(key: str) -> str:
    kind, _, number = key.partition("_")
    return f"/v1/{'binding' if kind == 'bound' else 'status'}-lists/{number}"


def serve_world(kept: Kept, world) -> None:
    """Give a device what a world's verifier serves now."""
    bodies = {
        name: world.client.get(path).get_data(as_text=True)
        for name, path in (
            ("bundle", "/v1/trust-bundle"),
            ("programme", "/v1/programme"),
            ("time", "/v1/time"),
            ("list_0", "/v1/status-lists/0"),
        )
    }
    bound = world.client.get("/v1/binding-lists/0")
    if bound.status_code == 200:
        content = world.client.get("/v1/binding-lists/0/content").get_data(as_text=True)
        bodies["bound_0"] = f"{bound.get_data(as_text=True)}~{content}"
    kept.serves(**bodies)


def epoch(at: datetime) -> int:
    """Return whole seconds."""
    return to_epoch(at)
