// The holder's photo beside an ID check, while the issuer can be asked. It is shown and forgotten: in no cache, no store.

import { element, icon } from "../page.js";
import { word } from "../words.js";

const PATIENCE_MS = 5000;

const shown = new WeakMap(); // of the look on the screen alone: a change of language asks nothing again

// The frame for the photo of a look; it fills itself once `ask` has an answer, and says what to compare until then.
export function portrait(look) {
  const frame = element("div", { class: "portrait" }, element("div", {}, icon("person"), word("identity.photo")));
  const found = shown.get(look);
  found?.then((photo) => photo && fill(frame, photo));
  return frame;
}

// Asks for the photo of a look: once, without retries; nothing where there is none or nobody to ask.
export function askPhoto(device, look) {
  if (shown.has(look) || !look.needs) return; // an answer of the server's, or another device's look, has none
  shown.set(look, fetched(device, `/v1/looks/${look.id}/photo`).catch(() => null));
}

async function fetched(device, path) {
  const headers = await device.headers("GET", path);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(path, { headers, signal, cache: "no-store", credentials: "omit" });
  return response.ok ? asAddress(await response.blob()) : null;
}

// The page's policy takes pictures from data: addresses; those of blobs it does not.
const asAddress = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

function fill(frame, address) {
  const picture = element("img", { alt: word("identity.photo-alt"), src: address });
  frame.classList.add("filled");
  frame.replaceChildren(picture);
}
