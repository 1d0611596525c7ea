// The holder's photo beside an ID check, while the issuer can be asked. It is shown and forgotten: in no cache, no store.

import { element, icon } from "../page.js";
import { word } from "../words.js";

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
  const found = device.call("GET", `/v1/looks/${look.id}/photo`, { retries: 0 }).catch(() => null);
  shown.set(look, found.then((answer) => answer?.jpeg ?? null));
}

function fill(frame, jpeg) {
  const picture = element("img", { alt: word("identity.photo-alt"), src: `data:image/jpeg;base64,${jpeg}` });
  frame.classList.add("filled");
  frame.replaceChildren(picture);
}
