// The engine's findings about recipes as diagnostics, and the edits that mend them as quick fixes. What the schema says is reported by the
// editor's JSON server.

import * as vscode from "vscode";
import type { RecipeFinding } from "../../core/worker/contract.js";
import { rangeOf, recipeSelector, type RecipeAnalyses } from "./analyses.js";

const severities = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
} as const;

export function registerDiagnostics(analyses: RecipeAnalyses): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection("frostline");
  const changed = analyses.onDidChange(({ document, analysis }) => {
    collection.set(
      document.uri,
      analysis?.findings.map((finding) => diagnosticOf(document, finding)),
    );
  });
  const fixes = vscode.languages.registerCodeActionsProvider(
    recipeSelector,
    { provideCodeActions: (document, range) => quickFixes(document, range, analyses, collection.get(document.uri) ?? []) },
    { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
  );
  return vscode.Disposable.from(collection, changed, fixes);
}

function diagnosticOf(document: vscode.TextDocument, { range, severity, code, message, hint }: RecipeFinding): vscode.Diagnostic {
  const text = `${message.charAt(0).toUpperCase()}${message.slice(1)}${hint === undefined ? "" : `\n${hint}`}`;
  const diagnostic = new vscode.Diagnostic(rangeOf(document, range), text, severities[severity]);
  diagnostic.source = "Frostline";
  diagnostic.code = code;
  return diagnostic;
}

/** The fixes of what is found there, as long as the text is the one that was looked at. */
function quickFixes(
  document: vscode.TextDocument,
  range: vscode.Range,
  analyses: RecipeAnalyses,
  diagnostics: readonly vscode.Diagnostic[],
): vscode.CodeAction[] {
  const found = analyses.of(document);
  if (found?.version !== document.version) return [];
  return found.analysis.findings.flatMap((finding) => {
    const place = rangeOf(document, finding.range);
    if (place.intersection(range) === undefined) return [];
    return finding.fixes.map((fix, i) => {
      const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.edit = new vscode.WorkspaceEdit();
      action.edit.replace(document.uri, rangeOf(document, fix.range), fix.text);
      action.diagnostics = diagnostics.filter((diagnostic) => diagnostic.code === finding.code && diagnostic.range.isEqual(place));
      action.isPreferred = i === 0;
      return action;
    });
  });
}
