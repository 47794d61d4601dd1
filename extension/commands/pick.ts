// One question of a walk: a quick pick with a Back button. Escape leaves the walk.

import * as vscode from "vscode";

export interface Question<T extends vscode.QuickPickItem> {
  readonly title: string;
  readonly placeholder: string;
  readonly items: readonly T[];
  /** The one that is offered first. */
  readonly active?: T | undefined;
  readonly canGoBack: boolean;
}

/** The item that was chosen, or where the person went. */
export async function pick<T extends vscode.QuickPickItem>(question: Question<T>): Promise<T | "back" | "cancel"> {
  const chosen = await ask(question, false);
  return typeof chosen === "string" ? chosen : chosen[0];
}

/** All items that were chosen, with those of `picked` chosen already. */
export function pickSeveral<T extends vscode.QuickPickItem>(question: Question<T>, picked: readonly T[]): Promise<readonly T[] | "back" | "cancel"> {
  return ask(question, true, picked);
}

function ask<T extends vscode.QuickPickItem>(
  { title, placeholder, items, active, canGoBack }: Question<T>,
  several: boolean,
  picked: readonly T[] = [],
): Promise<readonly T[] | "back" | "cancel"> {
  const input = vscode.window.createQuickPick<T>();
  input.title = title;
  input.placeholder = placeholder;
  input.items = items;
  input.canSelectMany = several;
  input.matchOnDescription = true;
  input.ignoreFocusOut = true;
  if (active !== undefined) input.activeItems = [active];
  if (several) input.selectedItems = picked;
  if (canGoBack) input.buttons = [vscode.QuickInputButtons.Back];
  return new Promise((resolve) => {
    const end = (outcome: readonly T[] | "back" | "cancel"): void => {
      resolve(outcome);
      input.dispose();
    };
    input.onDidTriggerButton((button) => {
      if (button === vscode.QuickInputButtons.Back) end("back");
    });
    input.onDidAccept(() => {
      if (several || input.selectedItems.length > 0) end([...input.selectedItems]);
    });
    input.onDidHide(() => end("cancel"));
    input.show();
  });
}
