// The distribution's browser, with a profile that is empty and goes away.
import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export const open = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGUMENTS });
