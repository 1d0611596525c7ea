// What browser the page lies in, as far as it decides whether a card's key lasts there. Pure but for what the browser says.

const APPLE = /iPhone|iPad|iPod/;
const WECHAT = /MicroMessenger/i;
const COOKIE = "yunju_phone=";

/**
 * "wechat": a chat's own browser, whose storage is emptied with the chat's; "ios": a page of Safari's, which is forgotten
 * after some days unless it stands on the home screen; "" for any other.
 * @param {{userAgent: string, maxTouchPoints?: number, isInstalled?: boolean}} told
 */
export function kindOf({ userAgent, maxTouchPoints = 0, isInstalled = false }) {
  if (WECHAT.test(userAgent)) return "wechat";
  const isApple = APPLE.test(userAgent) || (userAgent.includes("Macintosh") && maxTouchPoints > 1);
  return isApple && !isInstalled ? "ios" : "";
}

export const browserKind = () => kindOf({
  userAgent: navigator.userAgent, maxTouchPoints: navigator.maxTouchPoints,
  isInstalled: navigator.standalone === true || matchMedia("(display-mode: standalone)").matches,
});

// The server notes with each enrolment that this browser had a card: the note outlives the key where the key is emptied.
export const hadCard = () => document.cookie.split("; ").some((part) => part.startsWith(COOKIE));

// Asked without waiting: some browsers ask their user, one never answers.
export function keepStorage() {
  navigator.storage?.persist?.().catch(() => null);
}
