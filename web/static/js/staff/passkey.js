// Passkeys: the browser signs what the page asks, the answer goes into the form's field and the form is sent.

const asked = document.querySelector("[data-passkey]");
const fault = document.getElementById("passkey-fault");

async function answer() {
  const options = JSON.parse(asked.dataset.options);
  if (asked.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function send(event) {
  event.preventDefault();
  fault.hidden = true;
  try {
    const given = await answer();
    asked.elements.answer.value = JSON.stringify(given.toJSON());
    asked.submit();
  } catch {
    fault.hidden = false;
    fault.focus();
  }
}

if (asked && globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  asked.hidden = false;
  asked.addEventListener("submit", send);
}
