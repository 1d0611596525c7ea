"""The offline page and binding lists: minted cards are dead there too, and the golden list reads as in Python."""

import pytest

from tests.cards.test_binding import GOLDEN
from tests.verifier.minting import MINTED, bound_world, from_the_pool, mint
from tests.verifier.world import Signers, World
from tests.web.offlinecore import serve_world

pytestmark = pytest.mark.browser


@pytest.fixture
def thieved(tmp_path, core):
    """A world with bindings, and a device that fetched them."""
    world = World(tmp_path)
    found = bound_world(world)
    kept = core.device("bindings", Signers.root.kid)
    serve_world(kept, world)
    assert kept.refresh(world.clock.now())["ok"]
    yield (kept, *found)
    world.close()


def judged(kept, world, shown: str) -> dict:
    """Judge a gym visit now."""
    return kept.judge(world.clock.now(), text=shown, idChecked=True)


@pytest.mark.parametrize("way", MINTED)
def test_a_minted_card_is_dead_on_the_offline_page(thieved, way):
    """Judged and checked by what the page keeps: revoked, whatever the thief copied."""
    kept, world, victim, pool, _ = thieved
    minted = mint(world, victim, pool, way)
    assert judged(kept, world, minted.shown())["reason"] == "revoked"
    said = kept.check(world.clock.now(), minted.token)
    assert (said["valid"], said["reason"]) == (False, "revoked")


def test_genuine_cards_work_on_the_offline_page(thieved):
    """The holder's, and one issued a second ago from the pool."""
    kept, world, victim, pool, drawn = thieved
    for card in (victim, from_the_pool(world, victim, pool, drawn)):
        assert judged(kept, world, card.shown())["reason"] is None
        assert kept.check(world.clock.now(), card.token)["valid"]


def test_the_golden_list_reads_alike_in_the_page(core):
    """Every index has the binding that Python reads, and every golden card fits or does not alike."""
    script = """async ({ golden, at }) => {
      const keys = new Map([[await core.thumbprint(golden.status_key),
        { jwk: golden.status_key, purpose: "status", nbf: 0, exp: 4102444800 }]]);
      const [token, content] = golden.binding_list.split("~");
      const stated = await core.verifyBindings(token, { keys, issuer: golden.issuer }, golden.uri, at);
      const bound = await core.readBindings(content, stated);
      const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const bindings = {};
      for (let index = -1; index <= stated.size; index += 1) {
        const one = core.bindingAt(bound, index);
        if (one !== null) bindings[index] = hex(one);
      }
      const fits = [];
      for (const { claims } of golden.cards) {
        const text = new TextEncoder().encode(JSON.stringify(claims));
        const card = core.parseCard(core.readJson(text, { maxBytes: 4096, maxDepth: 8 }));
        fits.push(await core.fits(card, core.bindingAt(bound, card.statusIndex)));
      }
      const refusals = [content.slice(4), content.slice(0, -4), "", "=="].map((text) =>
        core.tried(() => core.readBindings(text, stated)));
      return { bindings, fits, refusals: await Promise.all(refusals) };
    }"""
    at = 1795335330000
    said = core.run(script, {"golden": GOLDEN, "at": at})
    assert said["bindings"] == GOLDEN["bindings"]
    assert said["fits"] == [case["fits"] for case in GOLDEN["cards"]]
    assert said["refusals"] == [{"error": "bad-signature"}] * 3 + [{"error": "malformed"}]


def test_what_was_bound_once_is_not_taken_unbound(thieved):
    """A server that shows none any more, or older ones, changes nothing; the content is fetched where it differs."""
    kept, world, victim, pool, _ = thieved
    before = world.client.get("/v1/binding-lists/0").get_data(as_text=True)
    content = world.client.get("/v1/binding-lists/0/content").get_data(as_text=True)
    kept._run("delete device.served['/v1/binding-lists/0/content']")
    world.set_status(victim, world.statuses[0])
    token = world.client.get("/v1/binding-lists/0").get_data(as_text=True)
    kept._run("device.served['/v1/binding-lists/0'] = given.token", token=token)
    assert kept.refresh(world.clock.now()) == {"ok": True, "away": False, "problem": None}, "the same content is held"
    world.set_status(victim, world.statuses[0])
    serve_world(kept, world)
    kept.serves(bound_0=f"{before}~{content}")
    assert kept.refresh(world.clock.now())["problem"] == "not-bound"
    kept._run("delete device.served['/v1/binding-lists/0']")
    assert not kept.refresh(world.clock.now())["ok"]
    assert judged(kept, world, mint(world, victim, pool, "pool index").shown())["reason"] == "revoked"
