// Sends a paper's file in pieces and shows how far it is. A broken connection costs one piece: the server says where
// the file goes on, now or when the same file is chosen again. At the end the plain form is sent with the upload's id
// in place of the file. Whatever this script cannot judge it leaves to the plain form, whose page says what is wrong.

const WAIT_MS = [1000, 2000, 4000, 8000, 15000];
const STALLED_MS = 60_000;
const words = document.getElementById("uploading")?.dataset;

class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function answerOf(asked) {
  const isJson = asked.getResponseHeader("Content-Type")?.startsWith("application/json");
  const after = Number(asked.getResponseHeader("Retry-After")) || 0;
  return { status: asked.status, after, told: isJson ? JSON.parse(asked.responseText) : {} };
}

function call(address, form, values, tellSent) {
  const body = new FormData();
  body.set("csrf_token", form.elements.csrf_token.value);
  for (const [name, value] of Object.entries(values)) body.set(name, value);
  return new Promise((resolve) => {
    const asked = new XMLHttpRequest();
    asked.open("POST", address);
    asked.timeout = STALLED_MS;
    asked.upload.onprogress = ({ loaded }) => tellSent(loaded);
    asked.onload = () => resolve(answerOf(asked));
    asked.onerror = asked.ontimeout = () => resolve({ status: 0, after: 0, told: {} });
    asked.send(body);
  });
}

// Until the time is over, or the network is said to be back.
function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

const isPassing = ({ status, told }) => status === 0 || status === 408 || status === 429 || (status >= 500 && told.code !== "full");

// Asks again for as long as it takes; returns what the server told, or throws its refusal.
async function patiently(ask, view) {
  for (let turn = 0; ; turn += 1) {
    const answer = await ask();
    if (answer.status === 200) return answer.told;
    if (answer.told.code === "offset") return answer.told;
    if (!isPassing(answer)) throw new Refused(answer.told.code ?? String(answer.status));
    view.waiting();
    await pause(Math.max(answer.after * 1000, WAIT_MS[Math.min(turn, WAIT_MS.length - 1)]));
  }
}

async function sendPieces(bytes, sha256, form, view) {
  const address = `${form.getAttribute("action")}/upload`;
  const begin = () => call(address, form, { size: bytes.length, sha256 }, () => undefined);
  let at = await patiently(begin, view);
  while (at.offset < bytes.length) {
    view.sending(at.offset);
    const from = at.offset;
    const piece = new Blob([bytes.subarray(from, from + at.piece)]);
    const tellSent = (sent) => view.sending(from + Math.min(sent, piece.size));
    const told = await patiently(() => call(`${address}/${at.upload}`, form, { offset: from, piece }, tellSent), view);
    at = { ...at, ...told };
  }
  return at.upload;
}

async function hashOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// What a form shows: the bar, the percent beside it, and a sentence when something changes.
function viewOf(form, size) {
  const [panel, bar, percent, said] = [".uploading", "progress", ".percent", "[role=status]"].map((one) => form.querySelector(one));
  let shown = 0;
  const say = (text) => said.textContent !== text && (said.textContent = text);
  panel.hidden = false;
  return {
    sending(bytes) {
      shown = Math.floor((bytes * 100) / (size || 1));
      bar.value = shown;
      percent.textContent = `${shown}%`;
      say(words.sending);
    },
    waiting: () => say(fill(words.waiting, { percent: shown })),
    checking: () => (bar.value = 100, percent.textContent = "100%", say(words.checking)),
    fault(text) {
      panel.hidden = true;
      const fault = form.querySelector(".upload-fault");
      fault.textContent = text;
      fault.hidden = !text;
      if (text) document.getElementById(`${form.closest("section.paper").id}-fault`)?.remove(); // of the file before
    },
  };
}

async function sendFile(form, control) {
  const [file] = control.files;
  const view = viewOf(form, file.size);
  const button = form.querySelector("[type=submit]");
  if (file.size > Number(words.most)) return view.fault(words.tooLarge);
  view.fault("");
  form.querySelector(".uploading").hidden = false;
  button.disabled = true;
  view.sending(0);
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    form.elements.upload.value = await sendPieces(bytes, await hashOf(bytes), form, view);
    control.disabled = true;
    view.checking();
  } catch {
    form.elements.upload.value = "";
  }
  button.disabled = false;
  form.submit();
}

// A picture as it was chosen, so that a blurred page or the wrong photo is seen before it is sent.
function preview(form, [file]) {
  const picture = form.querySelector(".preview");
  const isShown = ["image/jpeg", "image/png"].includes(file?.type) && file.size <= Number(words?.most);
  picture.hidden = !isShown;
  if (!isShown) return;
  const reader = new FileReader();
  reader.onload = () => (picture.src = reader.result);
  reader.readAsDataURL(file);
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const control = form.elements.file;
  control.addEventListener("change", () => preview(form, control.files));
  form.addEventListener("submit", (event) => {
    if (!words || !control.files.length || !crypto.subtle) return;
    event.preventDefault();
    sendFile(form, control);
  });
}
