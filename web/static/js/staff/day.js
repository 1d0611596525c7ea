// Keeps a booking desk's day as it stands at the server: what another desk does is seen here within seconds.

const EVERY_MS = 3000;
const IDLE_MS = 25 * 60 * 1000; // a desk that nobody works at must not keep its session alive
let touched = Date.now();

for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => (touched = Date.now()), { passive: true });

// A page as a document: no script of it runs, and nothing is written as markup.
function pageOf(address) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("GET", address);
    call.responseType = "document";
    call.onload = () => (call.status === 200 && call.responseXML ? resolve(call.responseXML) : reject(new Error("no page")));
    call.onerror = () => reject(new Error("away"));
    call.send();
  });
}

function replaceWith(page) {
  for (const element of page.querySelectorAll("#day-list, #fresh, .slots")) {
    const here = document.getElementById(element.id);
    const focused = here?.contains(document.activeElement) ? document.activeElement.id : "";
    here?.replaceWith(document.adoptNode(element));
    if (focused) document.getElementById(focused)?.focus();
  }
}

async function look() {
  const day = document.getElementById("day-list");
  const answer = await fetch(day.dataset.state, { cache: "no-store", redirect: "error" });
  if (!answer.ok) return;
  const { version } = await answer.json();
  if (version !== day.dataset.version) replaceWith(await pageOf(location.href));
}

async function goOn() {
  while (Date.now() - touched < IDLE_MS) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    if (document.visibilityState === "visible") await look().catch(() => undefined);
  }
}

goOn();
