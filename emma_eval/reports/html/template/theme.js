// Theme: light, dark or the system's. Stored if the browser allows a file to store anything.
const THEMES = ["auto", "light", "dark"];
const themeButton = document.getElementById("theme");

function storedTheme() {
  try {
    return localStorage.getItem("emma-eval-theme");
  } catch {
    return null;
  }
}

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  themeButton.textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("emma-eval-theme", theme);
  } catch {
    // Private windows and some file:// pages can't store; the theme then lasts as long as the page.
  }
}

themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const now = THEMES.indexOf(document.documentElement.dataset.theme);
  showTheme(THEMES[(now + 1) % THEMES.length]);
});
showTheme(THEMES.includes(storedTheme()) ? storedTheme() : "auto");

// Plots and tables that are folded on the screen are printed unfolded.
const folded = () => document.querySelectorAll("#categories details:not([open]), #answers details:not([open])");
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...folded()];
  for (const details of unfolded) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});
