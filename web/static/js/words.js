// The page's words in both languages. Elements say by data-t (text) and data-t-label (aria-label) which word is theirs.

import { config } from "./page.js";

const LANGUAGES = ["zh", "en"];
const COOKIE = "yunju_language";
const SEARCH = /\{(\w+)\}/g;

const words = {};
let language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const listeners = [];

export const currentLanguage = () => language;
export const otherLanguage = () => (language === "zh" ? "en" : "zh");
export const onLanguage = (listener) => listeners.push(listener);

// `page`: a page that is given its own words alone; without it all are.
export async function loadWords(page = "") {
  await Promise.all(LANGUAGES.map(async (name) => {
    const response = await fetch(`/words/${page && `${page}-`}${name}.json`);
    words[name] = await response.json();
  }));
  for (const link of document.querySelectorAll("[data-language]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      setLanguage(link.dataset.language);
    });
  }
  const asked = askedLanguage();
  if (asked !== language && LANGUAGES.includes(asked)) setLanguage(asked);
}

// Words of another page, for a part of that page which is shown here too.
export async function wordsToo(page) {
  await Promise.all(LANGUAGES.map(async (name) => {
    words[name] = { ...await fetch(`/words/${page}-${name}.json`).then((response) => response.json()), ...words[name] };
  }));
}

// A page that was kept for when the server is away is in one language; the choice stands in the address or the cookie.
function askedLanguage() {
  const kept = document.cookie.split("; ").find((part) => part.startsWith(`${COOKIE}=`));
  return new URLSearchParams(location.search).get("lang") ?? kept?.slice(COOKIE.length + 1);
}

// `key-one` is the form for a count of one, where a language has such a form (English does).
function formOf(key, values, into) {
  const count = Object.values(values).find((value) => typeof value === "number");
  const one = `${key}-one`;
  return count !== undefined && words[into]?.[one] && new Intl.PluralRules(into).select(count) === "one" ? one : key;
}

export const word = (key, values = {}, into = language) => {
  const text = words[into]?.[formOf(key, values, into)];
  if (text === undefined) throw new Error(`no word for ${key}`);
  return text.replace(SEARCH, (_, name) => values[name] ?? "—");
};

export const has = (key) => words[language]?.[key] !== undefined;

// A pair {zh, en} as the API gives it, in the page's language or the other one.
export const said = (pair, into = language) => pair?.[into] ?? pair?.zh ?? "";

function setLanguage(name) {
  language = name;
  document.cookie = `${COOKIE}=${name}; Path=/; Max-Age=31536000; SameSite=Strict`;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  for (const link of document.querySelectorAll("[data-language]")) {
    if (link.dataset.language === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = word(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", word(element.dataset.tLabel));
  }
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.placeholder = word(element.dataset.tPlaceholder);
  for (const element of document.querySelectorAll("[data-programme]")) element.textContent = config.programme.name[name];
  for (const listener of listeners) listener();
}
