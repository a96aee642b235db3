// Rules for the scripts of the pages: npx --prefix tests eslint --config tests/eslint.config.js nsysgap
const js = require("@eslint/js");
const globals = require("globals");

module.exports = [
  {
    files: ["**/page/*.js"],
    ...js.configs.recommended,
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "module",
      globals: { ...globals.browser, Plotly: "readonly" },
    },
    rules: {
      ...js.configs.recommended.rules,
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "no-implicit-globals": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Names from reports must not become markup." },
        { property: "outerHTML", message: "Names from reports must not become markup." },
        { property: "insertAdjacentHTML", message: "Names from reports must not become markup." },
      ],
      // Names that say nothing: what is it?
      "id-denylist": ["error", "one", "found", "place", "places"],
      "no-unused-vars": "error",
      "no-use-before-define": "off",
    },
  },
];
