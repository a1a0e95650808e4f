# It was handed over, and this process must not hold it: given up in order, with the resignation that the predecessor did not say.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] released=true proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[[eth0 10.0.0.100/24]] handed-over=true
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=initialize to=fault priority=100 why="this host must not hold the addresses (operator): an operator has released it; `standfast address take` gives it back"
until 1000ms
