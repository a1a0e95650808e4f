# A check with a weight forbids nothing: it changes how much right this host has. Nobody would see why the address moves, so each change is said,
# with the check, its words and both priorities.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] checks=[{name=uplink rule=weight(-60) rise=1 fall=2}] proof-age=2000ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] priority=150 interval=200ms announce={repeat=1 gap=1000ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=90 why=started
at 10ms checked address=vip check=uplink
       > tell address=vip is-bad=false text="the check uplink passes: priority 90 -> 150"
until 700ms
at 710ms checked address=vip check=uplink failed="eth1 is down"
# One failed look is nothing yet.
at 910ms checked address=vip check=uplink failed="eth1 is down"
       > tell address=vip is-bad=true text="the check uplink fails (eth1 is down): priority 150 -> 90"
at 1110ms checked address=vip check=uplink failed="eth1 is down"
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=200ms addresses=[10.0.0.100]}}]
       > put interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=90 interval=200ms addresses=[10.0.0.100]}}
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=90 why="nobody was heard to hold the addresses for 1.11s"
at 1310ms checked address=vip check=uplink
       > tell address=vip is-bad=false text="the check uplink passes: priority 90 -> 150"
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=150 interval=200ms addresses=[10.0.0.100]}}
       > tickle address=vip
