# Completion of rolehop for PowerShell, printed by `rolehop completion powershell`.

Register-ArgumentCompleter -Native -CommandName rolehop -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $program = @(Get-Command -Name rolehop -CommandType Application -ErrorAction SilentlyContinue)[0]
    if (-not $program) { return }
    $elements = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $words = @($elements | Select-Object -Skip 1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
        else { $_.Extent.Text }
    })
    $before = $env:_ROLEHOP_COMPLETE
    $env:_ROLEHOP_COMPLETE = 'powershell'
    # Empty arguments get lost on the way, so the last one has a character before it.
    try { $answer = @(& $program completion '--' @words "=$wordToComplete" 2>$null) }
    finally { $env:_ROLEHOP_COMPLETE = $before }
    if (-not $answer) { return }

    $kind, $at = $answer[0] -split ' '
    if ($kind -eq 'words') {
        $answer | Select-Object -Skip 1 | ForEach-Object {
            $insert, $list, $tip = $_ -split "`t"
            [System.Management.Automation.CompletionResult]::new($insert, $list, 'ParameterValue', $tip)
        }
    } elseif ($kind -eq 'program') {
        # The rest is another command line.
        $first = @($commandAst.CommandElements)[[int]$at + 1]
        $start = if ($first) { $first.Extent.StartOffset } else { $cursorPosition }
        $script = $commandAst.Extent.StartScriptPosition.GetFullScript()
        $inner = $script.Substring($start, [Math]::Max(0, $cursorPosition - $start))
        (TabExpansion2 -inputScript $inner -cursorColumn $inner.Length).CompletionMatches
    }
    # Nothing returned: PowerShell completes files.
}
