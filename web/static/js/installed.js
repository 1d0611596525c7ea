// Keeps this page for when the server is away: registers the service worker (sw.js) once the page itself is there.

import { scriptUrl } from "./scripts.js";

const LOOK_AGAIN_MS = 60 * 60 * 1000;

async function install() {
  try {
    const found = await navigator.serviceWorker.register(scriptUrl("/sw.js"), { scope: "/", updateViaCache: "none" });
    // A tablet's page stays open for weeks: what it keeps is brought up to date meanwhile.
    setInterval(() => found.update().catch(() => null), LOOK_AGAIN_MS);
  } catch {
    // Private windows and full disks refuse; the page works as long as the server does.
  }
}

if ("serviceWorker" in navigator) {
  if (document.readyState === "complete") install();
  else addEventListener("load", install, { once: true });
}
