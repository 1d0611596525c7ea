import { byId, config } from "./page.js";
import { loadWords, onLanguage, said } from "./words.js";

// What the programme itself says of the card, in the language that is chosen here.
onLanguage(() => {
  const told = { scope: config.scope, intake: config.intake, "contact-name": config.contact.name };
  for (const [id, pair] of Object.entries(told)) byId(id).textContent = said(pair);
});
await loadWords();
