// The service worker of all pages that can be installed. It keeps the pages and every file they are made of, so that they
// start while the server is away. The server writes what to keep before this text: KEPT = {version, pages, files}.
// The network comes first, always; answers of the API are never touched, never kept.

const PREFIX = "yunju-pages-";
const NAME = PREFIX + self.KEPT.version;
const PAGES = new Set(self.KEPT.pages);
const FILES = new Set(self.KEPT.files);

const PATIENCE_MS = 4000;
// Once the network failed, the rest of the page's files come from what is kept: one version, and no wait for each.
const AWAY_MS = 10000;

let failedAt = -AWAY_MS;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOlder()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (PAGES.has(url.pathname)) event.respondWith(page(request, url.pathname));
  } else if (FILES.has(url.pathname)) {
    event.respondWith(file(request, url.pathname));
  }
});

// All or nothing: a version of which one file is missing is not installed, and the one before goes on.
async function keep() {
  const cache = await caches.open(NAME);
  await Promise.all([...PAGES, ...FILES].map(async (path) => {
    const response = await fetch(path, { cache: "no-cache", credentials: "omit" });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await cache.put(path, response);
  }));
  // Pages ask the network first, so that what is open is no older than what was kept: nothing to wait for.
  await self.skipWaiting();
}

async function dropOlder() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
  await self.clients.claim();
}

const kept = async (path) => (await caches.open(NAME)).match(path, { ignoreVary: true });

// A page is asked for each time: the first to notice that the server is there again.
async function page(request, path) {
  const response = await fromNetwork(request);
  if (response) return response;
  return (await kept(path)) ?? Response.error();
}

async function file(request, path) {
  if (Date.now() - failedAt < AWAY_MS) {
    const found = await kept(path);
    if (found) return found;
  }
  return (await fromNetwork(request)) ?? (await kept(path)) ?? Response.error();
}

// The server's answer; null where there is none in time, or only that it cannot answer.
async function fromNetwork(request) {
  let timer = null;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, PATIENCE_MS, null); });
  const response = await Promise.race([fetch(request).catch(() => null), late]);
  clearTimeout(timer);
  const answered = response !== null && response.status < 500;
  failedAt = answered ? -AWAY_MS : Date.now();
  return answered ? response : null;
}
