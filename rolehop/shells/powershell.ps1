# rolehop for PowerShell, made by `rolehop init powershell`. Reading it starts no process.

function global:rolehop {
    $program = @(Get-Command -Name rolehop -CommandType Application -ErrorAction Stop)[0].Source
    $words = @($args | ForEach-Object { "$_" })
    $verb = -1
    $value = $false
    for ($at = 0; $at -lt $words.Count; $at++) {
        if ($value) { $value = $false }
        elseif ($words[$at] -cin '--config', '--color') { $value = $true }
        elseif (-not $words[$at].StartsWith('-')) { $verb = $at; break }
    }
    $plain = @($words | Where-Object { $_ -cin '-h', '--help', '--version', '--shell' }).Count -gt 0
    if ($plain -or $verb -lt 0 -or $words[$verb] -cnotin 'assume', 'leave', 'refresh') {
        if ($MyInvocation.ExpectingInput) { $input | & $program @words } else { & $program @words }
        return
    }
    $before = @($words[0..$verb])
    $after = @($words | Select-Object -Skip ($verb + 1))
    $said = if ($MyInvocation.ExpectingInput) {
        $input | & $program @before --shell powershell @after
    } else {
        & $program @before --shell powershell @after
    }
    # A failure leaves its code in $LASTEXITCODE, and nothing is evaluated.
    if ($LASTEXITCODE -ne 0) { return }
    $text = @($said) -join "`n"
    if ($text.StartsWith('$env:')) { Invoke-Expression $text } elseif ($text) { $text }
}

# Returns the segment, e.g. "prod-admin 43m ", for your prompt function; nothing where none is assumed.
function global:rolehop_prompt {
    $chain = $env:ROLEHOP_CHAIN
    if (-not $chain) { return '' }
    $text = $chain -replace '[\x00-\x1f\x7f]', '?'
    if ($env:ROLEHOP_EXPIRES_AT -match '^[0-9]{1,12}$') {
        $left = [long]$env:ROLEHOP_EXPIRES_AT - [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
        $minutes = [long][Math]::Floor($left / 60)
        if ($left -le 0) { $text += ' expired' }
        elseif ($left -lt 60) { $text += ' <1m' }
        elseif ($left -lt 3600) { $text += " ${minutes}m" }
        else { $text += ' {0}h{1:00}m' -f [long][Math]::Floor($minutes / 60), ($minutes % 60) }
    }
    $color = switch -CaseSensitive ($chain) {
        @COLORS@
        default { $null }
    }
    if ($null -eq $color -or $env:NO_COLOR) { return "$text " }
    return "$([char]27)[${color}m$text$([char]27)[0m "
}

# @COMPLETION@
